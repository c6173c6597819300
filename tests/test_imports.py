"""Who may import whom: packages, folders, modules; and that every class name exists once.

The packages: core <- moderation <- server, and core <- moderation <- training. `pytest -s` prints
the floors: each folder stands above those that it imports.
"""

import ast
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ALLOWED = {
    "tutelage": {"tutelage"},
    "moderation": {"tutelage", "moderation"},
    "server": {"tutelage", "moderation", "server"},
    "training": {"tutelage", "moderation", "training"},
}
MOST_FILES = 16  # Python files side by side in a folder
ALL_ROUTES = "server.routes.all"  # lists the route modules, and is none itself

Graph = dict[str, set[str]]


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def name_of(path: Path) -> str:
    """``tutelage/chat/__init__.py`` -> ``tutelage.chat``."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {name_of(path): path for package in ALLOWED for path in sources(package)}
TREES = {name: ast.parse(path.read_text("utf-8")) for name, path in MODULES.items()}


def imports(tree: ast.AST) -> Iterator[str]:
    """Every module that the tree imports, also inside functions and for types alone."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, "imports are absolute"
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                yield submodule if submodule in MODULES else node.module


MODULE_GRAPH: Graph = {
    name: {found for found in imports(tree) if found in MODULES} for name, tree in TREES.items()
}


def folder_of(module: str) -> str:
    return ".".join(MODULES[module].relative_to(ROOT).parent.parts)


def folder_graph() -> Graph:
    """Which folder imports which other. A folder's own subfolders, and the folders that it lies
    in, do not count: files at the top of a folder are its ground or its roof."""
    graph: Graph = defaultdict(set)
    for module, targets in MODULE_GRAPH.items():
        for target in targets:
            one, other = folder_of(module), folder_of(target)
            if not (f"{other}.".startswith(f"{one}.") or f"{one}.".startswith(f"{other}.")):
                graph[one].add(other)
    return graph


def cycle(graph: Mapping[str, set[str]]) -> list[str]:
    """A cycle, or nothing."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def floors(graph: Graph) -> list[list[str]]:
    """The folders in topological order, those that import no other first."""
    sorter = TopologicalSorter(graph)
    sorter.prepare()
    found = []
    while sorter.is_active():
        ready = sorter.get_ready()
        found.append(sorted(ready))
        sorter.done(*ready)
    return found


@pytest.mark.parametrize("package", ALLOWED)
def test_packages_import_only_what_lies_below_them(package: str) -> None:
    """The core's commands open the other packages; nothing else of the core does."""
    wrong = [
        f"{module} imports {target}"
        for module, targets in MODULE_GRAPH.items()
        for target in targets
        if module.split(".")[0] == package
        and target.split(".")[0] not in ALLOWED[package]
        and not module.startswith("tutelage.cli.")
    ]
    assert wrong == []


def test_no_modules_import_each_other() -> None:
    assert cycle(MODULE_GRAPH) == []


def test_no_folders_import_each_other() -> None:
    graph = folder_graph()
    assert cycle(graph) == []
    for number, folders in enumerate(floors(graph)):
        print(f"floor {number}: {', '.join(folders)}")


def test_no_route_module_imports_another() -> None:
    routes = {
        name
        for name, path in MODULES.items()
        if name.startswith("server.routes.") and path.name != "__init__.py" and name != ALL_ROUTES
    }
    wrong = [(one, other) for one in routes for other in MODULE_GRAPH[one] & routes]
    assert routes and wrong == []


def test_a_class_name_exists_once() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    paths = sources("benchmarks")
    benchmarks = {name_of(path): ast.parse(path.read_text("utf-8")) for path in paths}
    for module, tree in (TREES | benchmarks).items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(module)
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_no_folder_has_too_many_files_side_by_side() -> None:
    """Migrations are a sequence that only grows, so they do not count."""
    files: dict[Path, int] = defaultdict(int)
    for path in MODULES.values():
        files[path.parent] += path.name != "__init__.py"
    files.pop(ROOT / "tutelage" / "migrations" / "versions")
    assert {folder: count for folder, count in files.items() if count > MOST_FILES} == {}


def test_cycles_are_found() -> None:
    assert set(cycle({"a": {"b"}, "b": {"c"}, "c": {"a"}})) == {"a", "b", "c"}
    assert cycle({"a": {"b", "c"}, "b": {"c"}}) == []
    assert floors({"a": {"b", "c"}, "b": {"c"}}) == [["c"], ["b"], ["a"]]


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
