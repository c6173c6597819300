"""Options and openings that the commands share."""

from pathlib import Path
from typing import Annotated

import typer

from tutelage.composition import Core, open_core
from tutelage.settings import Settings

Data = Annotated[
    Path | None,
    typer.Option("--data", help="Data folder (or TUTELAGE_DATA; default ./data).", metavar="DIR"),
]
Json = Annotated[bool, typer.Option("--json", help="End with one line of JSON.")]


def settings_for(data: Path | None, **overrides: object) -> Settings:
    """Settings from the environment, with what the command line says on top."""
    given = {"data": data, **overrides}
    return Settings.model_validate({name: v for name, v in given.items() if v is not None})


def open_data(data: Path | None) -> Core:
    """The data folder's store and policy library."""
    return open_core(settings_for(data))
