"""``tutelage dataset``: data sets in the field's formats, in and out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tutelage.cli.bars import steps
from tutelage.cli.options import Data, open_data
from tutelage.errors import Invalid

if TYPE_CHECKING:
    from tutelage.composition import Core
    from tutelage.datasets.example import Example
    from tutelage.datasets.reading import ImportReport

app = typer.Typer(
    help="Data sets in the field's formats: openai, oasst, ultrafeedback, hh-rlhf, trl.",
    no_args_is_help=True,
)

FormatName = Annotated[
    str, typer.Option("--format", help="openai, oasst, ultrafeedback, hh-rlhf or trl.")
]


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="JSON Lines or a JSON array, also gzipped.")],
    name: Annotated[str, typer.Option(help="What the source is called from now on.")] = "",
    licence: Annotated[str, typer.Option(help="Its licence, or whose consent it rests on.")] = "",
    origin: Annotated[str, typer.Option(help="Where it is from, such as an address.")] = "",
    format_name: FormatName = "",
    check: Annotated[bool, typer.Option("--check", help="Only report; keep nothing.")] = False,
    flagged: Annotated[
        Literal["keep", "exclude"], typer.Option(help="What of it moderation would act on.")
    ] = "keep",
    data: Data = None,
) -> None:
    """Keep a data set as a named source that the next iterations learn from.

    What cannot be used, and what moderation flags, is told by row and reason. An import that was
    broken off goes on when the command is given again.

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
    typer.echo(f"{kept} examples are kept as {dataset.name} ({dataset.id}).")


@app.command()
def export(
    out: Annotated[Path, typer.Argument(help="The file to write; it must not exist.")],
    format_name: FormatName = "trl",
    source: Annotated[
        str, typer.Option(help="people, or the name of an imported data set.")
    ] = "people",
    data: Data = None,
) -> None:
    """Write what may be learned from: consented, standing, not blocked; nobody is named.

    Example: `tutelage dataset export preferences.jsonl --format trl`
    """
    from tutelage.datasets import writing

    if out.exists():
        raise Invalid(f"{out} exists already; choose another name.")
    written = writing.export(open_data(data).store, format_name, source, "cli")
    out.write_text("".join(written.lines), "utf-8")
    typer.echo(f"{len(written.lines)} rows are in {out}.")
    for reason, count in written.left_out.items():
        typer.echo(f"{count} left out: {reason}")


@app.command("list")
def list_datasets(data: Data = None) -> None:
    """List the sources. Example: `tutelage dataset list`"""
    from tutelage.datasets import keeping

    with open_data(data).store.read() as session:
        for row in keeping.listed(session):
            typer.echo(
                f"{row.name}  {row.format}  {row.licence}  {row.demonstrations} demonstrations, "
                f"{row.rankings} rankings, {row.kept} of {row.examples} kept  {row.origin}"
            )


@app.command()
def erase(
    name: str,
    containing: Annotated[
        str, typer.Option(help="Only the examples in which this text occurs.")
    ] = "",
    data: Data = None,
) -> None:
    """Erase a source, or what of it holds a text, and name the policies that had learned it.

    Example: `tutelage dataset erase helpful --containing "Ada Lovelace"`
    """
    from tutelage.datasets import keeping

    core = open_data(data)
    if containing:
        count, policies = keeping.erase_containing(
            core.store, core.iterations, name, containing, "cli"
        )
        typer.echo(f"{count} examples of {name} are erased.")
    else:
        policies = keeping.erase(core.store, core.iterations, name, "cli")
        typer.echo(f"{name} is erased.")
    if policies:
        typer.echo(f"Policies that had learned from it: {', '.join(policies)}.")


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
