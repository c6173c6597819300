"""What the documentation names exists: links, paths, modules, commands, options, settings."""

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from tutelage.cli import app
from tutelage.cli.bench import benchmarks
from tutelage.settings import Settings

ROOT = Path(__file__).parents[1]
PACKAGES = "tutelage|moderation|server|training|tests|benchmarks"
FENCED = re.compile(r"^```.*?^```$", re.M | re.S)
INDENTED = re.compile(r"^ {4,}\S.*$", re.M)
INLINE = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
PATH = re.compile(rf"(?<![\w/.-])(?:{PACKAGES}|frontend|docs)/[\w./-]*")
MODULE = re.compile(rf"(?<![\w/.-])(?:{PACKAGES})(?:\.[a-z_]\w*)+")
COMMAND = re.compile(r"(?<![\w/.:-])(?:\.venv/bin/)?tutelage ([a-z][^`\n#|;]*)")
NAME = re.compile(r"_?[a-z]+(?:_[a-z0-9]+)+|(?:[A-Z][a-z]+){2,}|_[a-z]+")  # of code, not of prose
VARIABLE = re.compile(r"\bTUTELAGE_[A-Z_]*[A-Z]\b")
NOT_SETTINGS = {
    "TUTELAGE_KEY",  # the reader's shell variable in docs/api.md
    "TUTELAGE_SECRETS",  # where settings are read from
    "TUTELAGE_TEST_ENGINE",  # of tests/server/generators/test_generator.py
    "TUTELAGE_TEST_VLLM",  # likewise
}


def pages() -> list[Path]:
    written = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    return sorted([*written, *(ROOT / "tutelage" / "data").glob("*.md")])


def code(page: Path) -> Iterator[str]:
    """The fenced blocks, indented lines and inline code of a page."""
    text = page.read_text("utf-8")
    yield from FENCED.findall(text)
    text = FENCED.sub("", text)
    yield from INDENTED.findall(text)
    yield from INLINE.findall(INDENTED.sub("", text))


@pytest.fixture(scope="module")
def code_words() -> set[str]:
    files = [path for room in PACKAGES.split("|") for path in (ROOT / room).rglob("*.py")]
    return {word for path in files for word in re.findall(r"\w+", path.read_text("utf-8"))}


@pytest.fixture(params=pages(), ids=lambda page: str(page.relative_to(ROOT)))
def page(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


def test_links_lead_to_files(page: Path) -> None:
    links = LINK.findall(page.read_text("utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []


def test_anchors_of_links_are_headings(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s:]*)#([^)]+)\)", page.read_text("utf-8"))
    wrong = [
        f"{file}#{anchor}"
        for file, anchor in links
        if anchor not in anchors(page.parent / file if file else page)
    ]
    assert wrong == []


def test_paths_exist(page: Path) -> None:
    named = {path.rstrip(".") for text in code(page) for path in PATH.findall(text)}
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_modules_exist(page: Path) -> None:
    named = {name for text in code(page) for name in MODULE.findall(text)}
    files = {name for name in named if name.rsplit(".")[-1] in ("md", "db", "py", "jsonl")}
    assert [name for name in sorted(named - files) if not is_module(name)] == []


def test_names_of_code_occur_in_the_code(page: Path, code_words: set[str]) -> None:
    named = {text for text in INLINE.findall(page.read_text("utf-8")) if NAME.fullmatch(text)}
    assert sorted(named - code_words) == []


def test_commands_and_their_options_exist(page: Path) -> None:
    named = {words for text in code(page) for words in COMMAND.findall(text)}
    assert [problem for words in sorted(named) if (problem := unknown(words))] == []


def test_settings_exist(page: Path) -> None:
    known = {f"TUTELAGE_{name.upper()}" for name in Settings.model_fields} | NOT_SETTINGS
    named = set(VARIABLE.findall(page.read_text("utf-8")))
    assert sorted(named - known) == []


def test_the_architecture_names_every_folder() -> None:
    named = rooms((ROOT / "docs" / "architecture.md").read_text("utf-8"))
    folders = {
        f"{package}/{folder.name}/"
        for package in ("tutelage", "moderation", "server", "training")
        for folder in (ROOT / package).iterdir()
        if folder.is_dir() and folder.name not in ("__pycache__", "static")
    }
    assert folders - named == set()
    gone = [room for room in named - folders if not (ROOT / f"{room}.py").is_file()]
    assert sorted(gone) == []


def test_every_setting_is_documented() -> None:
    text = "".join(page.read_text("utf-8") for page in (ROOT / "docs").glob("*.md"))
    missing = [name for name in Settings.model_fields if f"TUTELAGE_{name.upper()}" not in text]
    assert missing == []


def rooms(architecture: str) -> set[str]:
    """The first column of the tables that are headed by a package."""
    found = set()
    for package, rows in re.findall(
        r"^\| `(\w+)/` \| .*\n\|-.*\n((?:\|.*\n)+)", architecture, re.M
    ):
        for row in rows.splitlines():
            found |= {f"{package}/{name}" for name in INLINE.findall(row.split("|")[1])}
    return found


def anchors(page: Path) -> set[str]:
    """The headings of a page as GitHub makes anchors of them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.M)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


def is_module(name: str) -> bool:
    """A module, or something that stands in one."""
    for dotted in (name, name.rpartition(".")[0]):
        try:
            if importlib.util.find_spec(dotted):
                return True
        except ModuleNotFoundError:
            continue
    return False


def unknown(words: str) -> str:
    """What of a command line after ``tutelage`` the program does not know; empty: nothing."""
    command: Any = typer.main.get_command(app)
    rest = words.replace("|", " ").split()
    while hasattr(command, "commands") and rest:
        name = rest.pop(0).rstrip(".,")
        if name not in command.commands:
            return f"tutelage {words.strip()}: no command {name!r}"
        command = command.commands[name]
    if command.name == "bench":  # each benchmark parses its own options
        return "" if not rest or rest[0].isupper() or rest[0] in benchmarks() else f"bench {words}"
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    wrong = [each for each in rest if each.startswith("--") and each.split("=")[0] not in known]
    return f"tutelage {words.strip()}: {wrong}" if wrong else ""
