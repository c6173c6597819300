"""Signals teach only where they say what the same people say, and only the side that trains."""

import json
import random
from pathlib import Path

from training import derivation, snapshot
from training.config import SnapshotConfig
from training.snapshot import FILES, SIGNALS, TRAIN, Snapshot
from tutelage.chat import conversations
from tutelage.feedback import feedback, preference_data
from tutelage.people import erasure, people
from tutelage.store import Store
from tutelage.tables import Conversation, FeedbackKind

CONFIG = SnapshotConfig()
CHATS = 120  # of which every other one is judged


def write(store: Store, copying: float) -> None:
    """Chats with two responses, of which people copy one: the better one so often.

    The first is always regenerated, whichever is better: a signal without meaning.
    """
    draw = random.Random(1)
    with store.write() as session:
        owners = [people.create_user(session, f"person {n}") for n in range(6)]
        for n in range(CHATS):
            owner, chat = owners[n % 6], conversations.start(session, owners[n % 6].id, True)
            prompt = conversations.append(session, chat, None, "user", f"question {n}")
            better = draw.randrange(2)
            copied = better if draw.random() < copying else 1 - better
            said = [
                conversations.append(
                    session, chat, prompt.id, "assistant", f"answer {choice} to {n}",
                    completion_id=f"{n} {choice}", finish_reason="stop", policy_id="p",
                    copied_at=1.0 if choice == copied else None,
                )
                for choice in range(2)
            ]  # fmt: skip
            if n % 2:
                ranking = {"ranking": [[said[better].id], [said[1 - better].id]]}
                feedback.record(
                    session, owner.id, FeedbackKind.RANKING, said, ranking, prompt.id
                )  # fmt: skip


def derived(store: Store) -> Snapshot:
    with store.read() as session:
        return derivation.derive(preference_data.read(session), CONFIG)


def test_a_signal_that_agrees_with_people_teaches_what_they_did_not_judge(
    any_store: Store, tmp_path: Path
) -> None:
    write(any_store, copying=0.9)
    with any_store.read() as session:
        frozen = derivation.freeze(session, CONFIG, tmp_path)
    rows = snapshot.load(tmp_path).signals
    measured = {each["signal"]: each for each in frozen.signals}
    copied, regenerated = measured["copied"], measured["regenerated"]
    assert copied["weight"] == 2 * copied["share"] - 1 > 0.5
    assert (regenerated["weight"], regenerated["pairs"]) == (0, copied["pairs"])
    assert {(row["signal"], row["weight"], row["split"]) for row in rows} == {
        ("copied", copied["weight"], TRAIN)
    }
    judged = {row["conversation_id"] for row in snapshot.load(tmp_path).rankings}
    assert len(rows) > CHATS / 4 and judged.isdisjoint(row["conversation_id"] for row in rows)
    assert json.loads((tmp_path / "digest.json").read_text())["signals"] == [copied]
    snapshot.write(derived(any_store), tmp_path / "whole")
    assert (tmp_path / "signals.jsonl").read_bytes() == (
        tmp_path / "whole" / "signals.jsonl"
    ).read_bytes()


def test_noise_changes_no_byte(any_store: Store, tmp_path: Path) -> None:
    write(any_store, copying=0.5)
    with any_store.read() as session:
        frozen = derivation.freeze(session, CONFIG, tmp_path)
    assert {each["weight"] for each in frozen.signals} == {0}
    assert not (tmp_path / f"{SIGNALS}.jsonl").exists()
    digest = json.loads((tmp_path / "digest.json").read_text())
    assert digest.keys() == {"files", "sha256", "counts"} and digest["files"].keys() == {*FILES}


def test_judgements_that_measure_do_not_choose_signals(any_store: Store) -> None:
    """With nearly all chats held out, the same judgements are too few."""
    write(any_store, copying=0.9)
    with any_store.read() as session:
        rows = preference_data.read(session)
    assert derivation.derive(rows, SnapshotConfig(held_out=0.9)).signals == []


def test_what_an_erased_chat_implied_is_gone(any_store: Store, tmp_path: Path) -> None:
    write(any_store, copying=0.9)
    before = derived(any_store).signals
    chat_id, owner = before[0]["conversation_id"], before[0]["author"]
    erasure.erase_conversation(any_store, tmp_path, chat_id, owner, owner)
    after = derived(any_store).signals
    assert [row["id"] for row in after] == [row["id"] for row in before[1:]]
    with any_store.write() as session:
        for chat in session.exec(Conversation.__table__.select()):  # type: ignore[attr-defined]
            conversations.update(session, session.get_one(Conversation, chat.id), training=False)
    assert derived(any_store).signals == []
