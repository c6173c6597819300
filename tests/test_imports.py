"""Who may import whom: core <- moderation <- server, and core <- moderation <- training."""

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


def imports(tree: ast.AST) -> Iterator[str]:
    """The top-level package of every import in the tree."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module.split(".")[0]


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("package", ["moderation", "server", "training"])
def test_packages_import_only_what_lies_below_them(package: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources(package)
        for name in imports(ast.parse(path.read_text()))
        if name in ALLOWED and name not in ALLOWED[package]
    ]
    assert wrong == []


def test_the_core_imports_the_others_only_inside_commands() -> None:
    wrong = [
        str(path.relative_to(ROOT))
        for path in sources("tutelage")
        for name in imports(ast.parse(path.read_text()))
        if name in {"moderation", "server", "training"} and path.parent.name != "cli"
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
