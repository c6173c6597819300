"""The rows of a snapshot that a judgement becomes; docs/architecture.md gives their shapes."""

from collections.abc import Iterator
from dataclasses import asdict

from training.snapshot import Row
from tutelage.feedback.preference_data import Dialogue, FeedbackExample, SampledResponse
from tutelage.tables import FeedbackKind

WRITTEN = (FeedbackKind.DEMONSTRATION, FeedbackKind.EDIT)


def rows_of(example: FeedbackExample, side: str, weight: float) -> Iterator[tuple[str, Row]]:
    """The rows that a judgement may become, with the file of each."""
    if len(example.responses) > 1:
        yield "rankings", ranking(example, side, weight)
    if example.kind == FeedbackKind.THUMBS:
        yield "thumbs", _thumb(example, side)
    liked = example.liked and example.whole and example.responses[0].strip()
    if example.kind in WRITTEN or liked:
        yield "demonstrations", _demonstration(example, side)


def ranking(example: FeedbackExample, split: str, weight: float) -> Row:
    return {
        "id": example.id,
        "conversation_id": example.conversation_id,
        "author": example.author_id,
        "kind": example.kind.value,
        "prompt": example.prompt,
        "responses": example.responses,
        "ranks": example.ranks,
        "finished": [response.finished for response in example.sampled],
        "sampling": [_sampling(response) for response in example.sampled],
        "weight": weight,
        "source": example.source,
        "split": split,
    }


def _sampling(response: SampledResponse) -> Row | None:
    """How a response was sampled; None where a person wrote it, or nothing is stored."""
    found = asdict(response)
    del found["finished"]
    return None if None in found.values() else found


def _thumb(example: FeedbackExample, split: str) -> Row:
    return {
        "id": example.id,
        "conversation_id": example.conversation_id,
        "author": example.author_id,
        "prompt": example.prompt,
        "response": example.responses[0],
        "value": int(example.liked),
        "finished": [example.whole],
        "split": split,
    }


def _demonstration(example: FeedbackExample, split: str) -> Row:
    kind = "liked" if example.kind == FeedbackKind.THUMBS else example.kind.value
    answer: Dialogue = [{"role": "assistant", "content": example.responses[0]}]
    return {
        "id": example.id,
        "conversation_id": example.conversation_id,
        "kind": kind,
        "messages": example.prompt + answer,
        "source": example.source,
        "split": split,
    }
