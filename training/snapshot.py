"""The snapshot: the training data of an iteration, frozen as JSON Lines.

``training.derivation`` derives it; the same rows and settings give the same bytes. A conversation
is on one side of the split, train or held_out, by a hash of its first user message, so that
conversations with the same beginning stay together.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from tutelage import atomic, jsonl
from tutelage.errors import Unavailable
from tutelage.iteration_folder import DIGEST
from tutelage.policies.library import sha256_of
from tutelage.tables import FeedbackKind

Row = dict[str, Any]
FILES = ("rankings", "thumbs", "demonstrations", "prompts")
SIGNALS = "signals"  # rankings that signals imply; a file only where a signal is trusted
TRAIN, HELD_OUT = "train", "held_out"
_HASH_SPACE = 16**8


@dataclass(frozen=True)
class Snapshot:
    """The rows of the files; docs/architecture.md gives their shapes."""

    rankings: list[Row]
    thumbs: list[Row]
    demonstrations: list[Row]
    prompts: list[Row]
    signals: list[Row] = field(default_factory=list)


class Frozen(NamedTuple):
    """A snapshot on disk: the digest of all files, the rows of each file and side, and how far
    each signal agrees with what people say, by ``SignalAgreement.as_json``."""

    sha256: str
    counts: dict[str, int]
    signals: list[Row]


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

    def lines(name: str) -> Iterator[tuple[str, bytes]]:
        for row in getattr(snapshot, name):
            yield row["split"], jsonl.line(row, sort_keys=True).encode()

    names = (*FILES, SIGNALS) if snapshot.signals else FILES
    return write_lines({name: lines(name) for name in names}, directory).sha256


def write_lines(
    files: Mapping[str, Iterable[tuple[str, bytes]]],
    directory: Path,
    signals: Sequence[Row] = (),
) -> Frozen:
    """As ``write``, from the side and the line of each row; the digest names trusted signals."""
    directory.mkdir(parents=True, exist_ok=True)
    counts = {f"{name}/{side}": 0 for name in files for side in (TRAIN, HELD_OUT)}

    def counted(name: str) -> Iterator[bytes]:
        for side, line in files[name]:
            counts[f"{name}/{side}"] += 1
            yield line

    for name in files:
        jsonl.write_lines(directory / f"{name}.jsonl", counted(name))
    digests = {name: sha256_of(directory / f"{name}.jsonl") for name in files}
    digest = _digest_of(digests)
    content: Row = {"files": digests, "sha256": digest, "counts": counts}
    if trusted := [each for each in signals if each["weight"]]:
        content["signals"] = trusted
    atomic.write_text(directory / DIGEST, json.dumps(content, indent=2, sort_keys=True) + "\n")
    return Frozen(digest, counts, list(signals))


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


def _digest_of(files: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
