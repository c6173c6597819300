"""``tutelage settings``: deployment settings that are saved in the database."""

import json
from typing import Annotated

import typer

from tutelage.cli.options import Data, Json, open_data

app = typer.Typer(help="Saved deployment settings: list, set, reset.", no_args_is_help=True)
ACTOR = "cli"
Setting = Annotated[str, typer.Argument(metavar="NAME", help="Such as rate_limit.")]


@app.command("list")
def list_settings(data: Data = None, as_json: Json = False) -> None:
    """List the settings that can be saved, with their values. Example: `tutelage settings list`"""
    from tutelage.installation import saved_settings

    core = open_data(data)
    with core.store.read() as session:
        saved = saved_settings.saved(session)
    values = {name: getattr(core.settings, name) for name in saved_settings.EDITABLE}
    if as_json:
        typer.echo(json.dumps(values))
        return
    for name, value in values.items():
        given = name in core.settings.model_fields_set
        source = "given at start" if given else "saved" if name in saved else "default"
        typer.echo(f"{name:22} {source:15} {value}")


@app.command("set")
def save(
    name: Setting,
    value: Annotated[str, typer.Argument(help="As in the environment variable.")],
    data: Data = None,
) -> None:
    """Save a setting for all processes. Example: `tutelage settings set guests false`"""
    from tutelage.installation import saved_settings

    core = open_data(data)
    with core.store.write() as session:
        saved_settings.save(session, core.settings, name, value, ACTOR)
    typer.echo(f"Saved. It takes effect {_when(name)}.")


@app.command()
def reset(name: Setting, data: Data = None) -> None:
    """Return to the default. Example: `tutelage settings reset guests`"""
    from tutelage.installation import saved_settings

    with open_data(data).store.write() as session:
        saved_settings.reset(session, name, ACTOR)
    typer.echo(f"Reset. The default takes effect {_when(name)}.")


def _when(name: str) -> str:
    from tutelage.installation import saved_settings

    if name in saved_settings.LIVE:
        return f"within {saved_settings.EVERY:g} seconds in running processes"
    return "when processes start again"
