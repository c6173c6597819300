"""The snapshot: the training data of an iteration, derived from rows and frozen as JSON Lines.

Pure functions turn feedback into rankings, thumbs, demonstrations and prompts; the same rows and
settings give the same bytes. A conversation is on one side of the split, train or held_out, by a
hash of its first user message, so that conversations with the same beginning stay together.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from training.config import SnapshotConfig
from tutelage import atomic, jsonl
from tutelage.errors import Unavailable
from tutelage.feedback import influence, preference_data
from tutelage.feedback.preference_data import (
    Dialogue,
    FeedbackExample,
    Prompt,
    Rows,
    SampledResponse,
)
from tutelage.iteration_folder import DIGEST
from tutelage.labeling import agreement
from tutelage.policies.library import sha256_of
from tutelage.tables import FeedbackKind

Row = dict[str, Any]
TRAIN, HELD_OUT = "train", "held_out"
_HASH_SPACE = 16**8


@dataclass(frozen=True)
class Snapshot:
    """The rows of the four files; docs/architecture.md gives their shapes."""

    rankings: list[Row]
    thumbs: list[Row]
    demonstrations: list[Row]
    prompts: list[Row]

    def counts(self) -> dict[str, int]:
        """How many rows each file has on each side of the split."""
        return {
            f"{name}/{side}": sum(row["split"] == side for row in rows)
            for name, rows in asdict(self).items()
            for side in (TRAIN, HELD_OUT)
        }


def derive(rows: Rows, config: SnapshotConfig) -> Snapshot:
    """The training data in these rows."""
    learnable = influence.limited(
        preference_data.learnable(rows, config.flagged),
        rows,
        config.person_share,
        config.newcomer_share,
    )
    weights = agreement.training_weights(rows.feedback, rows.gold)

    def split(first_user_message: str) -> str:
        return split_of(first_user_message, config.held_out)

    return Snapshot(
        rankings=[
            _ranking(j, split(j.first_user_message), weights.get(j.author_id, 1.0))
            for j in learnable
            if len(j.responses) > 1
        ],
        thumbs=[
            _thumb(j, split(j.first_user_message))
            for j in learnable
            if j.kind == FeedbackKind.THUMBS
        ],
        demonstrations=[
            _demonstration(j, split(j.first_user_message)) for j in _taught(learnable, config)
        ],
        prompts=[
            asdict(prompt) | {"split": split(preference_data.first_user_message(prompt.prompt))}
            for prompt in _training_prompts(preference_data.prompts(rows), config)
        ],
    )


def split_of(first_user_message: str, held_out: float) -> str:
    """The side of a conversation with this first user message; ``held_out`` is a share, 0 to 1.

    Spaces and capitals are ignored.
    """
    normal = " ".join(first_user_message.casefold().split())
    digest = hashlib.sha256(normal.encode("utf-8", "surrogatepass")).hexdigest()
    return HELD_OUT if int(digest[:8], 16) < held_out * _HASH_SPACE else TRAIN


def of_side(rows: Iterable[Row], side: str) -> list[Row]:
    """The rows of one side of the split."""
    return [row for row in rows if row["split"] == side]


def best_responses(rankings: Iterable[Row]) -> list[Row]:
    """The response ranked first in each ranking, as {"messages": [...]}.

    Left out are edits, which are demonstrations too, rankings in which all responses tie, and
    responses without a word. Of several that share the first place the first is taken.
    """
    return [
        {"messages": [*row["prompt"], {"role": "assistant", "content": best}]}
        for row in rankings
        if row["kind"] != FeedbackKind.EDIT and len(set(row["ranks"])) > 1
        if (best := row["responses"][row["ranks"].index(min(row["ranks"]))]).strip()
    ]


def write(snapshot: Snapshot, directory: Path) -> str:
    """Write the files and ``digest.json``; return the digest of all."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, rows in asdict(snapshot).items():
        jsonl.write(directory / f"{name}.jsonl", rows, sort_keys=True)
    files = {name: sha256_of(directory / f"{name}.jsonl") for name in asdict(snapshot)}
    digest = _digest_of(files)
    content = {"files": files, "sha256": digest, "counts": snapshot.counts()}
    atomic.write_text(directory / DIGEST, json.dumps(content, indent=2, sort_keys=True) + "\n")
    return digest


def load(directory: Path) -> Snapshot:
    """Read a snapshot back.

    Raises Unavailable when a file is missing or differs from its digest.
    """
    try:
        expected: Mapping[str, str] = json.loads((directory / DIGEST).read_text("utf-8"))["files"]
        for name, digest in expected.items():
            if sha256_of(directory / f"{name}.jsonl") != digest:
                raise Unavailable(
                    f"{name}.jsonl in {directory} has changed since it was written. Restore it, "
                    "or delete the snapshot folder to derive it again from the database."
                )
        return Snapshot(**{name: jsonl.read(directory / f"{name}.jsonl") for name in expected})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Unavailable(
            f"The snapshot in {directory} cannot be read ({error}). Delete the folder to derive it "
            "again from the database."
        ) from error


def _training_prompts(found: Sequence[Prompt], config: SnapshotConfig) -> list[Prompt]:
    """The users' own prompts, filled up with imported ones where they are few."""
    own = [prompt for prompt in found if not prompt.source]
    imported = [prompt for prompt in found if prompt.source]
    return own + imported[: max(0, config.imported_prompts - len(own))]


def _taught(learnable: Sequence[FeedbackExample], config: SnapshotConfig) -> list[FeedbackExample]:
    """Demonstrations and edits, filled up with the newest liked responses where they are few."""
    taught = [j for j in learnable if j.kind in (FeedbackKind.DEMONSTRATION, FeedbackKind.EDIT)]
    liked = [j for j in learnable if j.liked and j.whole and j.responses[0].strip()]
    room = max(0, config.liked - len(taught))
    return taught + liked[::-1][:room]


def _ranking(example: FeedbackExample, split: str, weight: float) -> Row:
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


def _digest_of(files: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
