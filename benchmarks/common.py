"""What the benchmarks stand on: the bundled policy as a directory, peers in venvs of their own."""

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
    """The bundled policy, made on first use."""
    path = BUILD / "base-policy"
    if not (path / "model.safetensors").is_file():
        path.mkdir(parents=True, exist_ok=True)
        build(path)
    return path


def peer_python(name: str, packages: Sequence[str]) -> Path:
    """The interpreter of a venv that holds a peer, made on first use; that takes minutes."""
    folder = BUILD / "peers" / name
    python, ready = folder / "bin" / "python", folder / "ready"
    if not ready.is_file():
        print(f"Installing {' '.join(packages)} into {folder} …", file=sys.stderr, flush=True)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
        ready.touch()
    return python


def tell(result: Mapping[str, Any], as_json: bool) -> None:
    """Print what was measured; with ``as_json`` once more, as the last line."""
    for name, value in result.items():
        print(f"{name}: {value}")
    if as_json:
        print(json.dumps(result))
