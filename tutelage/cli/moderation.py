"""``tutelage moderation``: retrain the filter on decided appeals."""

import json
from pathlib import Path
from typing import Annotated

import typer

from tutelage.cli.options import Data, Json, open_data
from tutelage.errors import Conflict
from tutelage.text.wording import counted

app = typer.Typer(help="Retrain the moderation filter on decided appeals.", no_args_is_help=True)
ACTOR = "cli"


@app.command()
def learn(data: Data = None, as_json: Json = False) -> None:
    """Train new filter heads on decided appeals; activate them with `use`.

    Example: `tutelage moderation learn`
    """
    from moderation.appeals import dataset, registry
    from moderation.appeals.retrain import retrain_heads

    core = open_data(data)
    with core.store.read() as session:
        decided = dataset.derive(session)
    if not decided:
        raise Conflict("No training data: decide some appeals first (web UI, Moderation).")
    kept = registry.folder(core.settings.data, core.storage)
    described = retrain_heads(decided, kept)
    registry.share(kept, described["version"], core.storage)
    with core.store.write() as session:
        registry.record_retraining(session, described, ACTOR)
    if as_json:
        typer.echo(json.dumps(described))
        return
    agreement, written = described["agreement"], described["written"]
    typer.echo(f"Trained {described['version']} on {counted(described['decisions'], 'decision')}.")
    after = "unknown" if agreement["after"] is None else f"{agreement['after']:.0%}"
    typer.echo(
        f"Agreement with held-out decisions: {agreement['before']:.0%} before, {after} after."
    )
    for name in ("before", "after"):
        any_harm, everyday = written[name]["any"], written[name]["everyday"]
        typer.echo(
            f"{counted(written['texts'], 'other text')}, {name}: AUPRC of any harm "
            f"{any_harm:.3f}, everyday texts flagged {everyday:.1%}."
        )
    typer.echo(f"To activate: tutelage moderation use {described['version']}")


@app.command("list")
def list_heads(data: Data = None) -> None:
    """List the retrained heads, newest first. Example: `tutelage moderation list`"""
    from moderation.appeals import registry

    core = open_data(data)
    with core.store.read() as session:
        current = registry.active_version(session)
    for each in registry.listed(registry.folder(core.settings.data, core.storage)):
        mark = "  active" if each["version"] == current else ""
        typer.echo(f"{each['version']}  {counted(each['decisions'], 'decision')}{mark}")
    if current is None:
        typer.echo("The default heads are active.")


@app.command()
def use(
    version: Annotated[
        str, typer.Argument(help="Version from `list`, or `shipped` for the default heads.")
    ],
    data: Data = None,
) -> None:
    """Activate heads, also in running services. Example: `tutelage moderation use shipped`"""
    from moderation.appeals import registry

    core = open_data(data)
    kept = registry.folder(core.settings.data, core.storage)
    with core.store.write() as session:
        registry.activate(session, kept, None if version == "shipped" else version, ACTOR)
    typer.echo(f"{version} is active.")


@app.command()
def export(out: Path, data: Data = None) -> None:
    """Export decided appeals as labelled examples for training the filter.

    Example: `tutelage moderation export appeals.jsonl`
    """
    from moderation.appeals import dataset
    from tutelage import atomic

    with open_data(data).store.read() as session:
        decided = dataset.derive(session)
    atomic.write_text(out, dataset.frozen(decided))
    typer.echo(f"Wrote {counted(len(decided), 'example')} to {out}.")
