"""Derives the rows of a snapshot from stored rows, some conversations at a time.

What is judged is known only once all conversations are read: how much one person may teach, which
of equal prompts is the oldest. So each row is kept at once where it needs no memory (a temporary
file), and of its judgement only what decides about it: its place, author and kind.
"""

import hashlib
import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, Generic, NamedTuple, TypeVar

from sqlmodel import Session, col, func, select

from training import snapshot
from training.config import SnapshotConfig
from training.signal_labels import SignalLabels, bundled_similarity, weighted
from training.snapshot import SIGNALS, TRAIN, Frozen, Row, Snapshot, split_of
from training.snapshot_rows import WRITTEN, rows_of
from tutelage import jsonl
from tutelage.feedback import influence, preference_data
from tutelage.feedback.preference_data import (
    FeedbackExample,
    LeftOut,
    Prompt,
    Rows,
)
from tutelage.feedback.signals import Signal
from tutelage.labeling import agreement
from tutelage.tables import Conversation, Feedback, User

Kept = TypeVar("Kept")
Split = tuple[str, Kept]  # the side of the split, and where the row is kept


def derive(rows: Rows, config: SnapshotConfig) -> Snapshot:
    """The training data in these rows."""
    weights = agreement.training_weights(rows.feedback, rows.gold)
    found = _Collection[Row](config, weights, lambda row: row)
    found.add(rows)
    labels = SignalLabels[Row](config, lambda row: row, bundled_similarity())
    labels.add(rows)
    newest = max((row.created_at for row in rows.feedback), default=0.0)
    new = influence.newcomers(rows.accounts, newest)
    trusted = {each.signal: each.weight for each in labels.agreements() if each.weight}
    files = {name: [row for _, row in split] for name, split in found.chosen(new).items()}
    return Snapshot(
        **files, signals=[weighted(row, trusted) for row in labels.chosen(new, trusted)]
    )


def left_out(rows: Rows, config: SnapshotConfig) -> dict[str, LeftOut]:
    """The standing judgements that ``derive`` leaves out, by id, with the reason."""
    found = _Collection[Row](config, {}, lambda row: row)
    found.add(rows)
    newest = max((row.created_at for row in rows.feedback), default=0.0)
    found.chosen(influence.newcomers(rows.accounts, newest))
    return found.left_out


def freeze(
    session: Session,
    config: SnapshotConfig,
    directory: Path,
    unused: Path | None = None,
    team_id: str | None = None,
) -> Frozen:
    """Derive what is stored and write it as ``snapshot.write`` would, in bounded memory.

    ``unused``: where the standing judgements that are left out go, as {"id", "reason"}. A team's
    snapshot holds what its members said, and of the common snapshot so many rows of each file that
    they make ``common_floor`` of it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    weights = agreement.stored_weights(session, preference_data.gold(session))
    with TemporaryFile(dir=directory) as file:
        spool, new = _Spool(file), _newcomers(session)
        labels = SignalLabels[_Place](config, spool.keep, bundled_similarity())

        def collected(team_id: str | None, *others: SignalLabels[_Place]) -> _Collection[_Place]:
            found = _Collection[_Place](config, weights, spool.keep)
            for rows in preference_data.batches(session, team_id=team_id):
                found.add(rows)
                for each in others:
                    each.add(rows)
            return found

        found = collected(team_id, labels)
        chosen = found.chosen(new)
        if team_id:
            chosen = _with_floor(chosen, collected(None).chosen(new), config.common_floor)
        if unused:
            reasons = sorted(found.left_out.items())
            jsonl.write(unused, [{"id": name, "reason": why} for name, why in reasons])
        files = {name: spool.lines(split) for name, split in chosen.items()}
        agreements = labels.agreements()
        trusted = {each.signal: each.weight for each in agreements if each.weight}
        if implied := labels.chosen(new, trusted):
            split = [(TRAIN, place) for place in implied]
            files[SIGNALS] = _weighted(spool.lines(split), trusted)
        return snapshot.write_lines(files, directory, [each.as_json() for each in agreements])


def replayable(session: Session, held_out: float, path: Path, team_id: str | None = None) -> None:
    """Write the logged responses that PPO may learn from again, in order of the messages."""
    with TemporaryFile(dir=path.parent) as file:
        spool, kept = _Spool(file), []
        for rows in preference_data.batches(session, tokens=True, team_id=team_id):
            for response in preference_data.logged(rows):
                opening = preference_data.first_user_message(response.prompt)
                if split_of(opening, held_out) == TRAIN:
                    row = asdict(response)
                    kept.append((row.pop("seq"), spool.keep(row)))
        places = [(TRAIN, place) for _, place in sorted(kept)]
        jsonl.write_lines(path, (line for _, line in spool.lines(places)))


def _weighted(
    lines: Iterable[tuple[str, bytes]], weights: Mapping[Signal, float]
) -> Iterator[tuple[str, bytes]]:
    """Lines of implied rankings with the weights that are known now."""
    for side, line in lines:
        yield side, jsonl.line(weighted(json.loads(line), weights), sort_keys=True).encode()


def _with_floor(
    own: Mapping[str, list[Split[Kept]]], common: Mapping[str, list[Split[Kept]]], floor: float
) -> dict[str, list[Split[Kept]]]:
    """A team's rows, then common ones of each file, evenly spaced, up to their share."""
    found = {}
    for name, rows in own.items():
        wanted = math.ceil(len(rows) * floor / (1 - floor))
        count = min(wanted, len(common[name]))
        found[name] = rows + [common[name][n * len(common[name]) // count] for n in range(count)]
    return found


class _Place(NamedTuple):
    """Where a row lies in the spool, in bytes."""

    start: int
    length: int


class _Spool:
    """Rows on disk in the order in which they come, read back in another."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._end = 0

    def keep(self, row: Row) -> _Place:
        """Append a row."""
        line = jsonl.line(row, sort_keys=True).encode()
        place = _Place(self._end, len(line))
        self._end += self._file.write(line)
        return place

    def lines(self, split: Iterable[Split[_Place]]) -> Iterator[tuple[str, bytes]]:
        """The lines of these rows with their sides."""
        for side, place in split:
            self._file.seek(place.start)
            yield side, self._file.read(place.length)


class _Judged(NamedTuple, Generic[Kept]):
    """A judgement without its texts, and its rows by file."""

    example: FeedbackExample
    side: str
    rows: Mapping[str, Kept]


@dataclass(frozen=True)
class _Prompted(Generic[Kept]):
    """A prompt without its text, and its row."""

    seq: int
    imported: bool
    side: str
    row: Kept


class _Collection(Generic[Kept]):
    """What may become rows of a snapshot. ``keep`` stores a row and tells where it is."""

    def __init__(
        self, config: SnapshotConfig, weights: Mapping[str, float], keep: Callable[[Row], Kept]
    ) -> None:
        self._config, self._weights, self._keep = config, weights, keep
        self._judged: list[_Judged[Kept]] = []
        self._prompts: dict[bytes, _Prompted[Kept]] = {}  # by a digest of the dialogue
        self.left_out: dict[str, LeftOut] = {}

    def add(self, rows: Rows) -> None:
        """The judgements and prompts of some conversations, which are whole."""
        for example in preference_data.learnable(rows, self._config.flagged):
            self._add_example(example)
        self.left_out |= preference_data.left_out(rows, self._config.flagged)
        for prompt in preference_data.prompts(rows):
            self._add_prompt(prompt)

    def chosen(self, new: AbstractSet[str]) -> dict[str, list[Split[Kept]]]:
        """Side and row of all that is taught, by file; ``new`` are the newcomers."""
        config = self._config
        judged = sorted(self._judged, key=lambda each: each.example.seq)
        examples = [each.example for each in judged]
        limited = influence.limited(examples, new, config.person_share, config.newcomer_share)
        kept = {example.id for example in limited}
        self.left_out |= {each.id: LeftOut.CAP for each in examples if each.id not in kept}
        judged = [each for each in judged if each.example.id in kept]
        taught = self._taught([each for each in judged if "demonstrations" in each.rows])
        by_file = {"rankings": judged, "thumbs": judged, "demonstrations": taught}
        found = {
            name: [(each.side, each.rows[name]) for each in some if name in each.rows]
            for name, some in by_file.items()
        }
        return found | {"prompts": [(prompt.side, prompt.row) for prompt in self._asked()]}

    def _taught(self, showing: list[_Judged[Kept]]) -> list[_Judged[Kept]]:
        """Demonstrations and edits, filled up with the newest liked responses where few."""
        written = [each for each in showing if each.example.kind in WRITTEN]
        liked = [each for each in showing if each.example.kind not in WRITTEN]
        return written + liked[::-1][: max(0, self._config.liked - len(written))]

    def _asked(self) -> list[_Prompted[Kept]]:
        """The users' own prompts, filled up with imported ones where they are few."""
        found = sorted(self._prompts.values(), key=lambda prompt: prompt.seq)
        own = [prompt for prompt in found if not prompt.imported]
        imported = [prompt for prompt in found if prompt.imported]
        return own + imported[: max(0, self._config.imported_prompts - len(own))]

    def _add_example(self, example: FeedbackExample) -> None:
        side = split_of(example.first_user_message, self._config.held_out)
        weight = self._weights.get(example.author_id, 1.0)
        rows = {name: self._keep(row) for name, row in rows_of(example, side, weight)}
        light = replace(
            example, author_id=sys.intern(example.author_id), conversation_id="",
            prompt=[], responses=[], ranks=[], sampled=[],
        )  # fmt: skip
        self._judged.append(_Judged(light, side, rows))

    def _add_prompt(self, prompt: Prompt) -> None:
        digest = hashlib.blake2b(repr(prompt.prompt).encode("utf-8", "surrogatepass")).digest()[:16]
        known = self._prompts.get(digest)
        if known is None or prompt.seq < known.seq:
            opening = preference_data.first_user_message(prompt.prompt)
            side = split_of(opening, self._config.held_out)
            row = asdict(prompt) | {"split": side}
            del row["seq"]
            kept = _Prompted(prompt.seq, bool(prompt.source), side, self._keep(row))
            self._prompts[digest] = kept


def _newcomers(session: Session) -> set[str]:
    consented = select(Conversation.id).where(Conversation.training)
    judged = select(func.max(Feedback.created_at)).where(
        col(Feedback.conversation_id).in_(consented)
    )
    accounts = dict(session.exec(select(User.id, User.created_at)).all())
    return influence.newcomers(accounts, session.exec(judged).one() or 0.0)
