"""Keeps a data set: its examples become conversations and judgements of a source with a name.

A source is a user who cannot sign in, so that erasure, consent and lineage are those of people. It
is kept in steps: one that was broken off is gone on with when the same file comes again.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import exists
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from tutelage import audit
from tutelage.datasets.example import Example
from tutelage.datasets.reading import ImportReport
from tutelage.errors import Conflict, Invalid, NotFound
from tutelage.people import erasure, people
from tutelage.store import Lock, Store, exclude
from tutelage.tables import (
    Conversation,
    Dataset,
    Feedback,
    FeedbackKind,
    Message,
    Purpose,
)
from tutelage.text.folding import fold
from tutelage.text.single_line import single_line


def _mute(_kept: int) -> None:
    """Reports no progress."""


STEP = 500  # examples in one transaction, so that people's writes need not wait
_TITLE = 60
SHORTEST, LONGEST_SEARCH = 3, 10_000  # characters to erase by; SQLite's patterns have a limit


def begin(
    session: Session, name: str, licence: str, origin: str, report: ImportReport, actor: str
) -> Dataset:
    """The source to keep examples under: a new one, or the one that was broken off.

    Raises Conflict for a name or a file that is there already, Invalid without name or licence.
    """
    exclude(session, Lock.PRIVILEGED)
    name, licence, origin = map(single_line, (name, licence, origin))
    if not name or not licence:
        raise Invalid("A dataset needs a name and a licence (or the basis of consent).")
    examples = report.examples
    for other in session.exec(select(Dataset)):
        same = other.sha256 == report.sha256 and (other.name, other.examples) == (name, examples)
        if same and other.kept < other.examples:
            return other
        if other.sha256 == report.sha256:
            raise Conflict(f"This file is already imported as {other.name!r}.", "file")
        if other.name == name:
            raise Conflict(f"A dataset {name!r} already exists. Choose another name.", "name")
    return _new(session, name, licence, origin, report, actor)


def keep(
    store: Store, dataset: Dataset, examples: Sequence[Example], told: Callable[[int], None] = _mute
) -> int:
    """Keep what is not kept yet; how many that were. ``told`` hears how many are, step by step."""
    before = dataset.kept
    for start in range(before, len(examples), STEP):
        step = examples[start : start + STEP]
        with store.write() as session:
            row = session.get(Dataset, dataset.id)
            if row is None:
                raise Conflict("The dataset was erased during the import.")
            rows = [_rows_of(example, row.user_id) for example in step]
            for of_a_table in zip(*rows, strict=True):  # in the order in which they point back
                session.add_all(each for some in of_a_table for each in some)
                session.flush()
            row.kept += len(step)
            session.add(row)
        told(start + len(step))
    return len(examples) - before


def listed(session: Session) -> list[Dataset]:
    """All sources, newest first."""
    return list(session.exec(select(Dataset).order_by(col(Dataset.seq).desc())))


def named(session: Session, name: str) -> Dataset:
    """The source of that name or id; else NotFound."""
    statement = select(Dataset).where((Dataset.name == name) | (Dataset.id == name))
    found = session.exec(statement).first()
    if found is None:
        raise NotFound(f"Dataset {name!r} not found.")
    return found


def erase(store: Store, iterations: Path, name: str, actor: str) -> list[str]:
    """Erase a source with all that it brought; the policies that had learned from it.

    ``iterations`` is the folder that holds one folder per iteration.
    """
    with store.write() as session:
        dataset = named(session, name)
        audit.record(session, actor, "dataset.erase", dataset.id, name=dataset.name)
    record = erasure.erase_user(store, iterations, dataset.user_id)
    return record.policies if record else []


def erase_containing(
    store: Store, iterations: Path, name: str, text: str, actor: str
) -> tuple[int, list[str]]:
    """Erase the examples in which a text occurs; how many, and the policies that had learned them.

    Case, accents and spaces do not count. Raises Invalid for a text so short that it would occur by
    chance.
    """
    words = fold(text)
    if not SHORTEST <= len(words) <= LONGEST_SEARCH:
        raise Invalid(
            f"The text to erase needs {SHORTEST} to {LONGEST_SEARCH} characters.", "containing"
        )
    with store.read() as session:
        owner = named(session, name).user_id
        chats = session.exec(_containing(owner, words)).all()
    records = [erasure.erase_conversation(store, iterations, chat, owner, actor) for chat in chats]
    return len(chats), sorted({p for each in records if each for p in each.policies})


def _containing(owner: str, words: str) -> SelectOfScalar[str]:
    said = exists().where(
        col(Message.conversation_id) == Conversation.id,
        col(Message.folded).contains(words, autoescape=True),
    )
    return select(Conversation.id).where(Conversation.owner_id == owner, said)


def _new(
    session: Session, name: str, licence: str, origin: str, report: ImportReport, actor: str
) -> Dataset:
    source = people.create_user(session, f"Data set {name}")
    source.disabled_at = time.time()
    dataset = Dataset(
        name=name,
        user_id=source.id,
        format=report.format,
        licence=licence,
        origin=origin,
        sha256=report.sha256,
        examples=report.examples,
        demonstrations=report.demonstrations,
        thumbs=report.thumbs,
        rankings=report.rankings,
        imported_by=actor,
    )
    session.add(dataset)
    audit.record(
        session, actor, "dataset.import", dataset.id,
        name=name, licence=licence, origin=origin, sha256=report.sha256, examples=dataset.examples,
        flagged=len(report.suspects), excluded=report.excluded,
    )  # fmt: skip
    session.flush()
    return dataset


def _rows_of(
    example: Example, owner_id: str
) -> tuple[list[Conversation], list[Message], list[Feedback]]:
    """A conversation, its messages from the root on, and the judgement."""
    asked = example.prompt[-1]["content"]
    title = single_line(asked)[:_TITLE]
    chat = Conversation(owner_id=owner_id, purpose=Purpose.IMPORT, title=title, training=True)
    messages: list[Message] = []
    for each in example.prompt:
        messages.append(
            Message(
                conversation_id=chat.id,
                parent_id=messages[-1].id if messages else None,
                role=each["role"],
                content=each["content"],
            )
        )
    prompt_id = messages[-1].id
    responses = [
        Message(conversation_id=chat.id, parent_id=prompt_id, role="assistant", content=text)
        for text in example.responses
    ]
    return [chat], messages + responses, [_judgement(example, chat, prompt_id, responses)]


def _judgement(
    example: Example, chat: Conversation, prompt_id: str, responses: Sequence[Message]
) -> Feedback:
    value: dict[str, Any]
    if example.liked is not None:
        kind, target = FeedbackKind.THUMBS, responses[0].id
        liked = "up" if example.liked else "down"
        value = {"value": liked, "reasons": [], "comment": example.comment}
    elif not example.is_ranking:
        kind, target, value = FeedbackKind.DEMONSTRATION, responses[0].id, {"turns": []}
    else:
        groups: list[list[str]] = [[] for _ in range(max(example.ranks) + 1)]
        for response, rank in zip(responses, example.ranks, strict=True):
            groups[rank].append(response.id)
        kind, target, value = FeedbackKind.RANKING, prompt_id, {"ranking": groups}
    return Feedback(
        kind=kind, author_id=chat.owner_id, conversation_id=chat.id, target=target, value=value
    )
