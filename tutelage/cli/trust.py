"""``tutelage moderate | audit | incidents | lineage``: moderation, audit log and lineage."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tutelage import jsonl
from tutelage.cli.options import Data, Json, open_data, settings_for
from tutelage.cli.records import list_audit
from tutelage.composition import open_existing
from tutelage.errors import Invalid, Unavailable
from tutelage.settings import Settings
from tutelage.store import sqlite_file
from tutelage.text.wording import counted

if TYPE_CHECKING:
    from moderation.rules import ModerationRules


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    app.command()(moderate)
    audit = typer.Typer(help="The hash-chained log of privileged actions.", no_args_is_help=True)
    audit.command("list")(list_audit)
    audit.command()(verify)
    audit.command()(anchor)
    incidents = typer.Typer(help="Accepted reports of harm and bias.", no_args_is_help=True)
    incidents.command()(export)
    app.add_typer(incidents, name="incidents")
    app.command()(lineage)
    app.add_typer(audit, name="audit")


def moderate(text: str, data: Data = None, as_json: Json = False) -> None:
    """Score a text with the moderation filter, by the rules in force.

    Example: `tutelage moderate "I hate you"`
    """
    from moderation.classifiers.factory import open_classifier
    from moderation.explain import explain
    from moderation.rules import judge

    settings = settings_for(data)
    classifier = open_classifier(settings)
    if classifier is None:
        raise Unavailable("Moderation is switched off (TUTELAGE_MODERATION=off).")
    (scores,) = classifier.classify([text])
    if as_json:
        typer.echo(json.dumps({"version": classifier.version, "scores": scores}))
        return
    for category, score in sorted(scores.items(), key=lambda item: -item[1]):
        typer.echo(f"{score:.3f}  {category}")
    rules = _rules_in_force(settings)
    for side, of_side in (("prompt", rules.prompt), ("response", rules.response)):
        verdict = judge(scores, of_side)
        typer.echo(f"As a {side}: {verdict.action.value} {', '.join(verdict.flagged)}".rstrip())
    worst = max(scores, key=scores.__getitem__)
    if span := explain(classifier, text, worst).span:
        typer.echo(f"Strongest evidence for {worst}: {text[slice(*span)]!r}")


def _rules_in_force(settings: Settings) -> "ModerationRules":
    from moderation.rule_store import active_rules
    from moderation.rules import ModerationRules

    shipped = ModerationRules.from_settings(settings.moderation_actions)
    if (file := sqlite_file(settings.url)) and not file.is_file():
        return shipped
    with open_existing(settings).store.read() as session:
        return active_rules(session, shipped)


Anchors = Annotated[Path | None, typer.Option(help="File written by `audit anchor`.")]


def verify(anchors: Anchors = None, data: Data = None) -> None:
    """Check the audit log for edits and gaps; with anchors also for truncation.

    Example: `tutelage audit verify --anchors /mnt/elsewhere/anchors.jsonl`
    """
    from tutelage import audit

    try:
        kept = [audit.Anchor(**row) for row in jsonl.read(anchors)] if anchors else []
    except (OSError, ValueError, TypeError) as error:
        raise Invalid(f"Cannot read the anchors: {error}", "anchors") from error
    with open_data(data).store.read() as session:
        entries = audit.anchor(session).seq
        problems = audit.verify(session)
        problems += audit.verify_anchors(session, kept)
    for problem in problems:
        typer.echo(problem)
    if not problems:
        typer.echo(f"Audit log OK: {counted(entries, 'entry', 'entries')}, chain intact.")
    raise typer.Exit(1 if problems else 0)


def anchor(
    out: Annotated[
        Path | None, typer.Option(help="Append to this file instead of printing.")
    ] = None,
    data: Data = None,
) -> None:
    """Print the end of the chain. Store it where database writers have no access.

    Example: `tutelage audit anchor --out /mnt/elsewhere/anchors.jsonl`
    """
    from tutelage import audit

    with open_data(data).store.read() as session:
        row = vars(audit.anchor(session))
    if out is None:
        typer.echo(json.dumps(row))
        return
    jsonl.append(out, row)
    typer.echo(f"Appended to {out}.")


def export(data: Data = None) -> None:
    """Print all accepted reports as one JSON list. Example: `tutelage incidents export`"""
    from tutelage.feedback import reports

    with open_data(data).store.read() as session:
        typer.echo(json.dumps(reports.incidents(session), indent=2))


def lineage(message_id: str, data: Data = None, as_json: Json = False) -> None:
    """Trace an answer to its policy, iterations, snapshots and feedback.

    Example: `tutelage lineage msg_18c2f0a1b2c3d4e5a1b2c3d4`
    """
    from tutelage.policies.lineage import lineage_of_message

    core = open_data(data)
    with core.store.read() as session:
        steps = lineage_of_message(session, core.library, core.iterations, message_id)
    if as_json:
        typer.echo(json.dumps(steps))
        return
    for step in steps:
        made = (
            f"{step['iteration']}, snapshot {step['snapshot_sha256'][:12]}"
            if step["iteration"]
            else "base"
        )
        typer.echo(
            f"{step['policy']}  {'OK' if step['intact'] else 'DAMAGED'}  {made}  "
            f"{counted(len(step['feedback']), 'rating')} from "
            f"{counted(step['conversations'], 'conversation')}"
        )
