"""``tutelage dataset``: import and export datasets in common formats."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tutelage.cli.bars import steps
from tutelage.cli.options import Data, open_data
from tutelage.errors import Invalid
from tutelage.text.wording import counted

if TYPE_CHECKING:
    from tutelage.composition import Core
    from tutelage.datasets.example import Example
    from tutelage.datasets.reading import ImportReport

app = typer.Typer(
    help="Import chats of other products and datasets; export datasets.",
    no_args_is_help=True,
)

FormatName = Annotated[
    str,
    typer.Option(
        "--format",
        help="openai, oasst, ultrafeedback, hh-rlhf or trl (also OpenRLHF); only exported: verl; "
        "only imported: chatgpt, open-webui, librechat, chat-ui.",
    ),
]


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="JSON, JSON Lines or a zip; may be gzipped.")],
    name: Annotated[str, typer.Option(help="Name of the dataset.")] = "",
    licence: Annotated[str, typer.Option(help="Licence, or basis of consent.")] = "",
    origin: Annotated[str, typer.Option(help="Origin, for example a URL.")] = "",
    format_name: FormatName = "",
    check: Annotated[bool, typer.Option("--check", help="Report only; import nothing.")] = False,
    flagged: Annotated[
        Literal["keep", "exclude"], typer.Option(help="Whether to keep flagged rows.")
    ] = "keep",
    data: Data = None,
) -> None:
    """Import a dataset as a named source of training data for the next iterations.

    Unusable and flagged rows are reported with row number and reason. Run the command again to
    resume an interrupted import.

    Example: `tutelage dataset import pairs.jsonl --name helpful --licence MIT --check`
    """
    from tutelage.datasets import keeping, reading

    core = open_data(data)
    examples, report = _read(file, format_name or None)
    _moderate(core, examples, report)
    if flagged == "exclude":
        examples = reading.without_flagged(examples, report)
    typer.echo("\n".join(report.lines()))
    if check:
        raise typer.Exit(0 if examples else 1)
    with core.store.write() as session:
        dataset = keeping.begin(session, name, licence, origin, report, "cli")
    with steps() as say:
        kept = keeping.keep(
            core.store, dataset, examples, lambda done: say("examples", done, len(examples))
        )
    typer.echo(f'Imported {counted(kept, "example")} as "{dataset.name}" ({dataset.id}).')


@app.command()
def export(
    out: Annotated[Path, typer.Argument(help="File to write; must not exist.")],
    format_name: FormatName = "trl",
    source: Annotated[
        str, typer.Option(help="people, or the name of an imported dataset.")
    ] = "people",
    data: Data = None,
) -> None:
    """Export consented feedback (no withdrawn or blocked items; anonymised).

    Example: `tutelage dataset export preferences.jsonl --format trl`
    """
    from tutelage.datasets import writing

    if out.exists():
        raise Invalid(f"{out} already exists. Choose another name.")
    written = writing.export(open_data(data).store, format_name, source, "cli")
    out.write_text("".join(written.lines), "utf-8")
    typer.echo(f"Wrote {counted(len(written.lines), 'row')} to {out}.")
    for reason, count in written.left_out.items():
        typer.echo(f"{count} skipped: {reason}")


@app.command("list")
def list_datasets(data: Data = None) -> None:
    """List the imported datasets. Example: `tutelage dataset list`"""
    from tutelage.datasets import keeping

    with open_data(data).store.read() as session:
        for row in keeping.listed(session):
            typer.echo(
                f"{row.name}  {row.format}  {row.licence}  "
                f"{counted(row.demonstrations, 'demonstration')}, "
                f"{counted(row.thumbs, 'thumb')}, "
                f"{counted(row.rankings, 'ranking')}, {row.kept} of {row.examples} imported  "
                f"{row.origin}"
            )


@app.command()
def erase(
    name: str,
    containing: Annotated[
        str, typer.Option(help="Erase only the examples that contain this text.")
    ] = "",
    data: Data = None,
) -> None:
    """Erase a dataset, or its examples that contain a text; lists the policies trained on them.

    Example: `tutelage dataset erase helpful --containing "Ada Lovelace"`
    """
    from tutelage.datasets import keeping

    core = open_data(data)
    if containing:
        count, policies = keeping.erase_containing(
            core.store, core.iterations, name, containing, "cli"
        )
        typer.echo(f"Erased {counted(count, 'example')} of {name}.")
    else:
        policies = keeping.erase(core.store, core.iterations, name, "cli")
        typer.echo(f"Erased {name}.")
    if policies:
        typer.echo(f"Policies trained on it: {', '.join(policies)}.")


def _moderate(core: "Core", examples: "list[Example]", report: "ImportReport") -> None:
    """Moderate the examples under the active rules."""
    from moderation import rule_store
    from moderation.classifiers.factory import open_classifier
    from moderation.imported import moderate
    from moderation.rules import ModerationRules

    classifier = open_classifier(core.settings)
    if classifier is None:
        return
    shipped = ModerationRules.from_settings(core.settings.moderation_actions)
    with core.store.read() as session:
        rules = rule_store.active_rules(session, shipped)
    with steps() as say:
        total = len(examples)
        moderate(classifier, rules, examples, report, lambda done: say("moderation", done, total))


def _read(file: Path, format_name: str | None) -> "tuple[list[Example], ImportReport]":
    from tutelage.datasets import reading

    try:
        content = file.read_bytes()
    except OSError as error:
        raise Invalid(f"{file} cannot be read: {error.strerror}.", "file") from error
    return reading.read(content, format_name)
