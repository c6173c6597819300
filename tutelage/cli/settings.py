"""``tutelage settings`` and ``system-prompt``: what operators save in the database for everyone."""

import json
from pathlib import Path
from typing import Annotated

import typer

from tutelage.cli.options import Data, Json, open_data

app = typer.Typer(help="Saved deployment settings: list, set, reset.", no_args_is_help=True)
ACTOR = "cli"
Setting = Annotated[str, typer.Argument(metavar="NAME", help="Such as rate_limit.")]
system_prompts_app = typer.Typer(
    help="System prompts that everyone can choose.", no_args_is_help=True
)
TextFile = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="File with the text.")]


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


@system_prompts_app.command("save")
def save_prompt(name: str, file: TextFile, data: Data = None) -> None:
    """Offer a text to everyone, or replace the one of that name.

    Example: `tutelage system-prompt save "As a tutor" tutor.txt`
    """
    from tutelage.chat import system_prompts
    from tutelage.errors import Invalid

    try:
        text = file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"{file} cannot be read as UTF-8 text ({error}).") from error
    with open_data(data).store.write() as session:
        row = system_prompts.save(session, None, name, text, actor=ACTOR)
    typer.echo(f"Saved {row.id}: {row.name}.")


@system_prompts_app.command("list")
def list_prompts(data: Data = None) -> None:
    """List them with the beginnings of their texts. Example: `tutelage system-prompt list`"""
    from tutelage.chat import system_prompts
    from tutelage.text.single_line import single_line

    with open_data(data).store.read() as session:
        for row in system_prompts.offered(session, ""):
            typer.echo(f"{row.id}  {row.name}: {single_line(row.text)[:60]}")


@system_prompts_app.command("delete")
def delete_prompt(prompt_id: str, data: Data = None) -> None:
    """Offer one no longer. Example: `tutelage system-prompt delete sysp_18…`"""
    from tutelage.chat import system_prompts

    with open_data(data).store.write() as session:
        system_prompts.delete(session, prompt_id, None, actor=ACTOR)
    typer.echo(f"Deleted {prompt_id}.")
