"""``tutelage bench``: the benchmarks in benchmarks/ of a source checkout."""

import runpy
import sys
from pathlib import Path

import typer

import tutelage
from tutelage.errors import NotFound

FOLDER = Path(tutelage.__file__).parents[1] / "benchmarks"
ROOMS = (".", "serving", "decisions")
NOT_COMMANDS = {"common"}


def bench(context: typer.Context, name: str) -> None:
    """Run a benchmark against a reference implementation. Extra options are passed through.

    Example: `tutelage bench serve --json`; options: `tutelage bench serve --help`
    """
    scripts = benchmarks()
    if name not in scripts:
        known = ", ".join(sorted(scripts))
        raise NotFound(
            f"Unknown benchmark {name!r}. Available: "
            f"{known or 'none (benchmarks need a source checkout)'}."
        )
    script = scripts[name]
    sys.argv = [str(script), *context.args]
    sys.path.append(str(FOLDER))  # last: one of them has the name of a package
    runpy.run_path(str(script), run_name="__main__")


def benchmarks() -> dict[str, Path]:
    """The scripts by their names on the command line."""
    found = [path for room in ROOMS for path in (FOLDER / room).glob("*.py")]
    return {p.stem.replace("_", "-"): p for p in found if p.stem not in NOT_COMMANDS}
