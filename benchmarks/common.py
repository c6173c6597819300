"""Shared by the benchmarks: the bundled policy as a directory, virtual environments for peers."""

import json
import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tutelage.policies.base import build

BUILD = Path(__file__).parents[1] / "build"


def base_policy() -> Path:
    """The bundled policy, built on first use."""
    path = BUILD / "base-policy"
    if not (path / "model.safetensors").is_file():
        path.mkdir(parents=True, exist_ok=True)
        build(path)
    return path


def peer_python(name: str, packages: Sequence[str]) -> Path:
    """The interpreter of a virtual environment with a peer, created on first use in minutes."""
    folder = BUILD / "peers" / name
    python, ready = folder / "bin" / "python", folder / "ready"
    if not ready.is_file():
        print(f"Installing {' '.join(packages)} into {folder} …", file=sys.stderr, flush=True)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
        ready.touch()
    return python


def node_modules(name: str, packages: Sequence[str]) -> Path:
    """The folder node_modules of npm packages, created on first use."""
    folder = BUILD / "peers" / f"{name}-npm"
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["npm", "install", "--silent", "--prefix", folder, *packages], check=True)
    return folder / "node_modules"


def tell(result: Mapping[str, Any], as_json: bool) -> None:
    """Print the result; with ``as_json`` also as JSON, on the last line."""
    for name, value in result.items():
        print(f"{name}: {value}")
    if as_json:
        print(json.dumps(result))
