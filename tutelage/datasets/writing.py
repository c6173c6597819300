"""Writes what may be learned from as a data set: judgements of consented conversations."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tutelage import audit, jsonl
from tutelage.datasets import formats
from tutelage.datasets.example import Example, demonstration, ranking
from tutelage.errors import Invalid
from tutelage.feedback import preference_data
from tutelage.feedback.preference_data import FeedbackExample
from tutelage.store import Store
from tutelage.tables import FeedbackKind

PEOPLE = "people"  # the source that is no data set


@dataclass
class ExportedRows:
    """The lines of a file, and why judgements are not among them."""

    lines: list[str] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)


def export(store: Store, format_name: str, source: str, actor: str) -> ExportedRows:
    """What people, or one imported source, said, as lines of JSON; every export is audited.

    Conversations that may not teach, withdrawn judgements and blocked messages are left out, and
    nobody is named. Raises Invalid for a format that there is not.
    """
    format = formats.named(format_name)
    wanted = "" if source == PEOPLE else source
    with store.read() as session:  # users must be able to write meanwhile
        rows = preference_data.read(session)
    learnable = preference_data.learnable(rows)
    written = write(format, (each for each in learnable if each.source == wanted))
    with store.write() as session:
        audit.record(
            session, actor, "dataset.export", source, format=format_name, rows=len(written.lines)
        )
    return written


def write(format: formats.Format, learnable: Iterable[FeedbackExample]) -> ExportedRows:
    """Judgements in a format; what it cannot hold is counted by reason."""
    written = ExportedRows()
    for item in learnable:
        for compares in _kinds(item):
            try:
                rows = format.write(example_of(item, compares))
            except Invalid as error:
                written.left_out[error.message] = written.left_out.get(error.message, 0) + 1
                continue
            written.lines += map(jsonl.line, rows)
    return written


def example_of(item: FeedbackExample, compares: bool) -> Example:
    """A judgement as a ranking, or its best answer as a demonstration."""
    if compares:
        return ranking(item.prompt, item.responses, [-rank for rank in item.ranks])
    return demonstration(item.prompt, item.responses[0])


def _kinds(item: FeedbackExample) -> Iterator[bool]:
    """Whether it compares, shows, or does both, as an edit does. Thumbs do neither."""
    if item.kind in (FeedbackKind.RANKING, FeedbackKind.EDIT):
        yield True
    if item.kind in (FeedbackKind.DEMONSTRATION, FeedbackKind.EDIT):
        yield False
