"""A snapshot that is derived some conversations at a time is the one derived from all rows."""

from pathlib import Path

import pytest
from sqlmodel import Session, select

from training import derivation, snapshot
from training.config import SnapshotConfig
from tutelage import jsonl
from tutelage.chat import conversations
from tutelage.feedback import feedback, preference_data
from tutelage.people import people, teams
from tutelage.store import Store
from tutelage.tables import Conversation, FeedbackKind, Message, Purpose, User

SAMPLING = {"temperature": 1.0, "top_p": 1.0, "stop": [], "max_tokens": 9}


@pytest.fixture
def taught(any_store: Store) -> Store:
    """Chats of four people with judgements of every kind, and tasks that labelers ranked."""
    with any_store.write() as session:
        owners = [people.create_user(session, f"person {n}") for n in range(4)]
        for n in range(12):
            _chat(session, owners[n % 4], n)
        for n in range(6):
            _task(session, owners, n)
    return any_store


def _answers(session: Session, owner: User, question: str, purpose: Purpose) -> list[Message]:
    chat = conversations.start(session, owner.id, True)
    chat.purpose = purpose
    prompt = conversations.append(session, chat, None, "user", question)
    return [
        conversations.append(
            session, chat, prompt.id, "assistant", f"answer {choice} to {question}\u2028",
            completion_id=f"chatcmpl-{chat.id}", choice=choice, finish_reason="stop",
            sampling=SAMPLING, token_ids=[choice, 7], logprobs=[-1.0, -0.5],
        )
        for choice in range(3)
    ]  # fmt: skip


def _chat(session: Session, owner: User, n: int) -> None:
    """Every third opening is the same; some judgements are given twice or withdrawn."""
    first, *rest = _answers(session, owner, f"question {n % 3 and n}", Purpose.CHAT)
    value = {"value": "up" if n % 2 else "down"}
    thumb = feedback.record(session, owner.id, FeedbackKind.THUMBS, [first], value, first.id)
    if n % 4 == 0:
        feedback.withdraw(session, owner.id, thumb.id)
    value = {"ranking": [[rest[0].id], [first.id, rest[1].id]]}
    task = f"{first.completion_id}"
    feedback.record(session, owner.id, FeedbackKind.RANKING, [first, *rest], value, task)
    better = {"text": f"better {n}"}
    feedback.record(session, owner.id, FeedbackKind.EDIT, [first], better, first.id)


def _task(session: Session, labelers: list[User], n: int) -> None:
    said = _answers(session, labelers[0], f"task {n}", Purpose.LABELING)
    for number, labeler in enumerate(labelers):
        order = said if number else said[::-1]
        value, task = {"ranking": [[each.id] for each in order]}, f"{said[0].completion_id}"
        feedback.record(session, labeler.id, FeedbackKind.RANKING, said, value, task)


def test_it_has_the_same_bytes(
    taught: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preference_data, "CHATS_AT_ONCE", 2)
    config = SnapshotConfig(held_out=0.4, liked=8)
    with taught.read() as session:
        whole = derivation.derive(preference_data.read(session), config)
        found = derivation.freeze(session, config, tmp_path / "streamed")
    assert found.sha256 == snapshot.write(whole, tmp_path / "whole")
    assert len({row["weight"] for row in whole.rankings}) > 1  # labelers are weighted
    for path in (tmp_path / "whole").iterdir():
        assert path.read_bytes() == (tmp_path / "streamed" / path.name).read_bytes()
    assert sorted(each.name for each in (tmp_path / "streamed").iterdir()) == sorted(
        each.name for each in (tmp_path / "whole").iterdir()
    )


def test_logged_responses_are_written_in_the_order_of_the_messages(
    taught: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preference_data, "CHATS_AT_ONCE", 2)
    with taught.read() as session:
        derivation.replayable(session, 0.4, tmp_path / "logged.jsonl")
        logged = preference_data.logged(preference_data.read(session, tokens=True))
    train = [
        {"conversation_id": each.conversation_id, "prompt": each.prompt,
         "token_ids": each.token_ids, "logprobs": each.logprobs}
        for each in logged
        if snapshot.split_of(each.prompt[0]["content"], 0.4) == snapshot.TRAIN
    ]  # fmt: skip
    assert jsonl.read(tmp_path / "logged.jsonl") == train
    assert 0 < len(train) < len(logged)


def test_a_teams_snapshot_holds_its_own_rows_and_a_floor_of_common_ones(
    taught: Store, tmp_path: Path
) -> None:
    """Every text names the chat that it was said in; two teams take three chats each."""
    with taught.write() as session:
        chats = session.exec(select(Conversation).where(Conversation.purpose == "chat")).all()
        ids = [teams.create(session, name, "op").id for name in ("one", "two")]
        for place, chat in enumerate(sorted(chats, key=lambda chat: chat.seq)[:6]):
            conversations.claim(session, chat, ids[place % 2])
    with taught.read() as session:
        belongs = {chat.id: chat.team_id for chat in session.exec(select(Conversation))}

        def rows(team_id: str | None, floor: float) -> dict[str, list[str | None]]:
            """Whose conversation each row is of, by file."""
            config, folder = SnapshotConfig(common_floor=floor), tmp_path / f"{team_id} {floor}"
            derivation.freeze(session, config, folder, team_id=team_id)
            frozen = vars(snapshot.load(folder))
            return {
                name: [belongs[row["conversation_id"]] for row in found]
                for name, found in frozen.items()
            }

        assert {team for found in rows(None, 0.5).values() for team in found} == {None}
        for team_id in ids:
            alone, mixed = rows(team_id, 0.0), rows(team_id, 0.5)
            assert {team for found in alone.values() for team in found} == {team_id}
            assert len(alone["prompts"]) == 3
            for name, found in mixed.items():
                assert found == alone[name] + [None] * len(alone[name])
