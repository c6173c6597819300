"""Options and openings that the commands share."""

from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from tutelage.composition import Core, open_existing
from tutelage.errors import Invalid
from tutelage.settings import Settings

Data = Annotated[
    Path | None,
    typer.Option("--data", help="Data folder (or TUTELAGE_DATA; default ./data).", metavar="DIR"),
]
Json = Annotated[bool, typer.Option("--json", help="Print one line of JSON at the end.")]


def settings_for(data: Path | None, **overrides: Any) -> Settings:
    """Settings from the environment, overridden by the command line."""
    given = {"data": data, **overrides}
    try:
        return Settings(**{name: v for name, v in given.items() if v is not None})
    except ValidationError as error:
        wrong = error.errors()[0]
        name = f"TUTELAGE_{str(wrong['loc'][0]).upper()}"
        raise Invalid(f"Invalid {name}={wrong['input']!r}: {wrong['msg']}.", name) from error


def open_data(data: Path | None) -> Core:
    """The store and policy library of a data folder that the service has made."""
    return open_existing(settings_for(data))
