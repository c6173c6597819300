"""``tutelage bench``: side-by-side measurements; they live in benchmarks/ of a source checkout."""

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
    """Measure ours beside a peer in one run; every further option goes to the benchmark.

    Example: `tutelage bench serve --json`, `tutelage bench serve --help`
    """
    scripts = benchmarks()
    if name not in scripts:
        known = ", ".join(sorted(scripts))
        raise NotFound(
            f"There is no benchmark {name!r}. Known: {known or 'none, outside a source checkout'}."
        )
    script = scripts[name]
    sys.argv = [str(script), *context.args]
    sys.path.append(str(FOLDER))  # last: one of them bears the name of a package
    runpy.run_path(str(script), run_name="__main__")


def benchmarks() -> dict[str, Path]:
    """The scripts by their names on the command line."""
    found = [path for room in ROOMS for path in (FOLDER / room).glob("*.py")]
    return {p.stem.replace("_", "-"): p for p in found if p.stem not in NOT_COMMANDS}
