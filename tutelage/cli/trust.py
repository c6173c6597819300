"""``tutelage moderate`` and ``tutelage audit``: what the filter says, and whether the log holds."""

import json

import typer

from tutelage.cli.options import Data, Json, open_data


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    app.command()(moderate)
    audit = typer.Typer(help="The hash-chained log of privileged acts.", no_args_is_help=True)
    audit.command()(verify)
    app.add_typer(audit, name="audit")


def moderate(text: str, as_json: Json = False) -> None:
    """Show what the moderation filter says of a text. Example: `tutelage moderate "I hate you"`"""
    from moderation.embedded import EmbeddedClassifier

    classifier = EmbeddedClassifier.load()
    (scores,) = classifier.classify([text])
    if as_json:
        typer.echo(json.dumps({"version": classifier.version, "scores": scores}))
        return
    for category, score in sorted(scores.items(), key=lambda item: -item[1]):
        typer.echo(f"{score:.3f}  {category}")


def verify(data: Data = None) -> None:
    """Check the whole chain for edits and gaps. Example: `tutelage audit verify`"""
    from tutelage import audit

    with open_data(data).store.read() as session:
        problems = audit.verify(session)
    for problem in problems:
        typer.echo(problem)
    if not problems:
        typer.echo("The audit log is whole.")
    raise typer.Exit(1 if problems else 0)
