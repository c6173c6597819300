"""The ``tutelage`` command. Each command imports what it needs when it runs: help is instant."""

import sys
from typing import Annotated

import typer

import tutelage
from tutelage.cli import (
    bench,
    datasets,
    installation,
    ladder,
    learning,
    models,
    moderation,
    policies,
    records,
    scheduling,
    service,
    settings,
    trust,
)
from tutelage.cli.people import keys, teams
from tutelage.compute_threads import wait_passively
from tutelage.errors import TutelageError
from tutelage.store import StoreError
from tutelage.text.log_lines import escape_messages

app = typer.Typer(
    name="tutelage",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
service.add_to(app)
learning.add_to(app)
trust.add_to(app)
installation.add_to(app)
app.add_typer(policies.app, name="policies")
app.add_typer(records.iterations_app, name="iterations")
app.add_typer(records.people_app, name="people")
app.add_typer(ladder.app, name="ladder")
app.add_typer(models.app, name="models")
app.add_typer(scheduling.app, name="schedule")
app.add_typer(keys.app, name="key")
app.add_typer(teams.app, name="teams")
app.add_typer(settings.app, name="settings")
app.add_typer(moderation.app, name="moderation")
app.add_typer(datasets.app, name="dataset")
app.add_typer(settings.system_prompts_app, name="system-prompt")
app.command(
    context_settings={
        "allow_extra_args": True,
        "allow_interspersed_args": False,  # what follows the benchmark's name is the benchmark's
    }
)(bench.bench)


@app.command()
def version() -> None:
    """Print the version. Example: `tutelage version`"""
    typer.echo(tutelage.__version__)


def _print_version(wanted: bool) -> None:
    if wanted:
        version()
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="As version.")
    ] = False,
) -> None:
    """A self-hosted chat assistant that learns from its users' feedback."""


def main() -> None:
    """Run the command; a failure that the user can mend is one sentence and exit status 1."""
    wait_passively()
    escape_messages()
    try:
        app()
    except (TutelageError, StoreError) as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        sys.exit(1)
