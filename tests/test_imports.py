"""Who may import whom: core <- moderation <- server, and core <- moderation <- training.

Inside a package, a folder and its own subfolder may import each other; two other folders never
import each other both ways.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ALLOWED = {
    "tutelage": {"tutelage"},
    "moderation": {"tutelage", "moderation"},
    "server": {"tutelage", "moderation", "server"},
    "training": {"tutelage", "moderation", "training"},
}


def imported(path: Path) -> Iterator[str]:
    """The dotted name of everything that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def packages(path: Path) -> set[str]:
    """The top-level packages that a file imports."""
    return {name.split(".")[0] for name in imported(path)}


def folder_of(name: str) -> str:
    """The folder, dotted, in which the module of a dotted name lies."""
    parts = name.split(".")
    while parts and not (ROOT / "/".join(parts)).is_dir():
        parts.pop()
    return ".".join(parts)


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("package", ["moderation", "server", "training"])
def test_packages_import_only_what_lies_below_them(package: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources(package)
        for name in packages(path)
        if name in ALLOWED and name not in ALLOWED[package]
    ]
    assert wrong == []


@pytest.mark.parametrize("package", sorted(ALLOWED))
def test_no_two_folders_import_each_other(package: str) -> None:
    arrows = {
        (".".join(path.parent.relative_to(ROOT).parts), folder_of(name))
        for path in sources(package)
        for name in imported(path)
        if name.split(".")[0] == package
    }
    both_ways = [(a, b) for a, b in sorted(arrows) if a < b and (b, a) in arrows]
    assert [(a, b) for a, b in both_ways if not b.startswith(f"{a}.")] == []


def test_no_route_module_imports_another() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in (ROOT / "server" / "routes").rglob("*.py")
        for name in imported(path)
        if name.startswith("server.routes.") and path.name != "all.py"
    ]
    assert wrong == []


def test_the_core_imports_the_others_only_inside_commands() -> None:
    wrong = [
        str(path.relative_to(ROOT))
        for path in sources("tutelage")
        if packages(path) & {"moderation", "server", "training"} and path.parent.name != "cli"
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "module", ["tutelage.cli", "tutelage.composition", "tutelage.policies.base"]
)
def test_the_core_needs_neither_torch_nor_fastapi_to_import(module: str) -> None:
    heavy = "{'torch', 'fastapi', 'transformers', 'matplotlib'}"
    code = f"import sys, {module}; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert found.stdout.strip() == "[]"
