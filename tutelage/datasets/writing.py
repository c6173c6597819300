"""Writes what may be learned from as a data set: judgements of consented conversations."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sqlmodel import Session

from tutelage import audit, jsonl
from tutelage.datasets import formats
from tutelage.datasets.example import Example, demonstration, ranking
from tutelage.errors import Invalid
from tutelage.feedback import preference_data
from tutelage.feedback.preference_data import Judgement
from tutelage.tables import FeedbackKind

PEOPLE = "people"  # the source that is no data set


@dataclass
class Written:
    """The lines of a file, and why judgements are not among them."""

    lines: list[str] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)


def export(session: Session, format_name: str, source: str, actor: str) -> Written:
    """What people, or one imported source, said, as lines of JSON; every export is audited.

    Conversations that may not teach, withdrawn judgements and blocked messages are left out, and
    nobody is named. Raises Invalid for a format that there is not.
    """
    format = formats.named(format_name)
    wanted = "" if source == PEOPLE else source
    learnable = preference_data.learnable(preference_data.read(session))
    written = write(format, (each for each in learnable if each.source == wanted))
    audit.record(
        session, actor, "dataset.export", source, format=format_name, rows=len(written.lines)
    )
    return written


def write(format: formats.Format, learnable: Iterable[Judgement]) -> Written:
    """Judgements in a format; what it cannot hold is counted by reason."""
    written = Written()
    for judgement in learnable:
        for compares in _kinds(judgement):
            try:
                rows = format.write(example_of(judgement, compares))
            except Invalid as error:
                written.left_out[error.message] = written.left_out.get(error.message, 0) + 1
                continue
            written.lines += map(jsonl.line, rows)
    return written


def example_of(judgement: Judgement, compares: bool) -> Example:
    """A judgement as a ranking, or its best answer as a demonstration."""
    if compares:
        return ranking(judgement.prompt, judgement.responses, [-rank for rank in judgement.ranks])
    return demonstration(judgement.prompt, judgement.responses[0])


def _kinds(judgement: Judgement) -> Iterator[bool]:
    """Whether it compares, shows, or does both, as an edit does. Thumbs do neither."""
    if judgement.kind in (FeedbackKind.RANKING, FeedbackKind.EDIT):
        yield True
    if judgement.kind in (FeedbackKind.DEMONSTRATION, FeedbackKind.EDIT):
        yield False
