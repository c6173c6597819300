"""``tutelage bench``: side-by-side measurements; they live in benchmarks/ of a source checkout."""

import runpy
import sys
from pathlib import Path

import typer

import tutelage
from tutelage.errors import NotFound

FOLDER = Path(tutelage.__file__).parents[1] / "benchmarks"


def bench(context: typer.Context, name: str) -> None:
    """Measure ours beside a peer in one run; every further option goes to the benchmark.

    Example: `tutelage bench serve --json`, `tutelage bench serve --help`
    """
    script = FOLDER / f"{name.replace('-', '_')}.py"
    if not script.is_file():
        known = ", ".join(sorted(each.stem.replace("_", "-") for each in FOLDER.glob("*.py")))
        raise NotFound(
            f"There is no benchmark {name!r}. Known: {known or 'none, outside a source checkout'}."
        )
    sys.argv = [str(script), *context.args]
    sys.path.append(str(FOLDER))  # last: one of them bears the name of a package
    runpy.run_path(str(script), run_name="__main__")
