"""``tutelage moderation``: teach the filter what operators decided on appeals."""

import json
from pathlib import Path
from typing import Annotated

import typer

from tutelage.cli.options import Data, Json, open_data
from tutelage.errors import Conflict

app = typer.Typer(help="Teach the filter what was decided on appeals.", no_args_is_help=True)
ACTOR = "cli"


@app.command()
def learn(data: Data = None, as_json: Json = False) -> None:
    """Make heads that learned from decided appeals; `use` puts them in force.

    Example: `tutelage moderation learn`
    """
    from moderation.appeals import dataset, registry
    from moderation.appeals.retrain import retrain_heads

    core = open_data(data)
    with core.store.read() as session:
        decided = dataset.derive(session)
    if not decided:
        raise Conflict("No decided appeal may be learned from yet: decide some, under Moderation.")
    described = retrain_heads(decided, registry.folder(core.settings.data))
    with core.store.write() as session:
        registry.record_retraining(session, described, ACTOR)
    if as_json:
        typer.echo(json.dumps(described))
        return
    agreement, written = described["agreement"], described["written"]
    typer.echo(f"{described['version']} learned from {described['decisions']} decisions.")
    after = "unknown" if agreement["after"] is None else f"{agreement['after']:.0%}"
    typer.echo(f"Agrees with unseen decisions: {agreement['before']:.0%} before, {after} after.")
    for name in ("before", "after"):
        any_harm, everyday = written[name]["any"], written[name]["everyday"]
        typer.echo(f"{written['texts']} other texts {name}: AUPRC of any harm {any_harm:.3f}, "
                   f"everyday texts flagged {everyday:.1%}.")  # fmt: skip
    typer.echo(f"Put it in force: tutelage moderation use {described['version']}")


@app.command("list")
def list_heads(data: Data = None) -> None:
    """Show the heads that learned, newest first. Example: `tutelage moderation list`"""
    from moderation.appeals import registry

    core = open_data(data)
    with core.store.read() as session:
        current = registry.active_version(session)
    for each in registry.listed(registry.folder(core.settings.data)):
        mark = "  in force" if each["version"] == current else ""
        typer.echo(f"{each['version']}  {each['decisions']} decisions{mark}")
    if current is None:
        typer.echo("The heads that ship are in force.")


@app.command()
def use(
    version: Annotated[str, typer.Argument(help="As `list` shows it, or `shipped`.")],
    data: Data = None,
) -> None:
    """Put heads in force; running services follow. Example: `tutelage moderation use shipped`"""
    from moderation.appeals import registry

    core = open_data(data)
    with core.store.write() as session:
        kept = registry.folder(core.settings.data)
        registry.activate(session, kept, None if version == "shipped" else version, ACTOR)
    typer.echo(f"{version} is in force.")


@app.command()
def export(out: Path, data: Data = None) -> None:
    """Freeze decided appeals as labelled examples, to train the filter with them.

    Example: `tutelage moderation export appeals.jsonl`
    """
    from moderation.appeals import dataset
    from tutelage import atomic

    with open_data(data).store.read() as session:
        decided = dataset.derive(session)
    atomic.write_text(out, dataset.frozen(decided))
    typer.echo(f"{len(decided)} examples are in {out}.")
