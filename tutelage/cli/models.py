"""``tutelage models``: whether a chat model can be brought, before anything is written."""

import json
from typing import Annotated

import typer

from tutelage.cli.options import Json

app = typer.Typer(help="Models: check a chat model before it becomes policy-0000.")


@app.callback()
def models() -> None:
    """Models: check a chat model before it becomes policy-0000."""


@app.command()
def check(
    source: Annotated[str, typer.Argument(metavar="PATH_OR_ID", help="Folder or hub id.")],
    as_json: Json = False,
) -> None:
    """Say whether a chat model can be served and trained, and what is missing.

    Reads headers only, so it takes seconds for any size. Exit status 1: it cannot be brought.

    Example: `tutelage models check ./Qwen2.5-0.5B-Instruct`
    """
    from transformers.utils import logging

    from server.generators.choice import engine_for
    from tutelage.policies.model_check import check_model

    logging.set_verbosity_error()
    found = check_model(source)
    rows, problems = dict(found.rows), list(found.problems)
    if found.config:
        engine, reason = engine_for(found.config)
        rows["engine"] = f"{engine}: {reason}" if reason else engine
    for name, fact in rows.items():
        typer.echo(f"{name:10} {fact}")
    for problem in problems:
        typer.secho(f"{'missing':10} {problem}", fg="red")
    if as_json:
        typer.echo(json.dumps({**rows, "problems": problems}))
    raise typer.Exit(1 if problems else 0)
