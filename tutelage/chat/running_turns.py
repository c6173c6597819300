"""Turns of the web UI while they are written: what every process may know of them, and their end.

A turn outlives the page that asked for it. Its row holds the text so far, so that another process
can show it, and so that the text is kept where the process that writes it is killed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlmodel import Session, col, select

from tutelage.chat import conversations
from tutelage.store import Store, clock, retried
from tutelage.tables import Conversation, Message, RunningTurn

LEASE_SECONDS = 10.0  # after which a turn that nobody renewed has broken off
BROKEN = "error"  # finish reason of a response that broke off

Responses = list[dict[str, Any]]


def begin(
    session: Session,
    turn_id: str,
    conversation_id: str,
    prompt_message_id: str,
    policy_id: str,
    responses: Responses,
) -> None:
    """Let other processes know of a turn."""
    session.add(
        RunningTurn(
            id=turn_id,
            conversation_id=conversation_id,
            prompt_message_id=prompt_message_id,
            policy_id=policy_id,
            responses=responses,
            expires_at=clock(session) + LEASE_SECONDS,
        )
    )


def of_conversation(session: Session, conversation_id: str) -> list[RunningTurn]:
    """The turns of a conversation that are being written, in order."""
    statement = select(RunningTurn).where(RunningTurn.conversation_id == conversation_id)
    return list(session.exec(statement.order_by(col(RunningTurn.seq))))


def owned(session: Session, turn_id: str, conversation_id: str) -> RunningTurn | None:
    """The turn, while it is being written."""
    turn = session.get(RunningTurn, turn_id)
    return turn if turn and turn.conversation_id == conversation_id else None


@retried
def renew(store: Store, written: Mapping[str, Responses]) -> list[str]:
    """Store how far turns are, by their ids; those that are to stop or whose row is gone."""
    ended = []
    with store.write() as session:
        expires_at = clock(session) + LEASE_SECONDS
        for turn_id, responses in written.items():
            turn = session.get(RunningTurn, turn_id)
            if turn is None or turn.stopped:
                ended.append(turn_id)
            if turn:
                turn.responses, turn.expires_at = responses, expires_at
                session.add(turn)
    return ended


@retried
def stop(store: Store, turn_id: str) -> None:
    """Ask the process that writes a turn to stop."""
    with store.write() as session:
        if turn := session.get(RunningTurn, turn_id):
            turn.stopped = True
            session.add(turn)


@retried
def end(store: Store, turn_id: str) -> None:
    """A turn is over, and its responses are stored."""
    with store.write() as session:
        if turn := session.get(RunningTurn, turn_id):
            session.delete(turn)


def break_off(store: Store) -> None:
    """Store the responses of turns whose process died, as far as they were written."""
    expired = col(RunningTurn.expires_at)
    with store.read() as session:
        dead = session.exec(select(RunningTurn.id).where(expired < clock(session))).all()
    for turn_id in dead:
        _break_off(store, turn_id)


@retried
def _break_off(store: Store, turn_id: str) -> None:
    with store.write() as session:
        turn = session.get(RunningTurn, turn_id, with_for_update=True)
        if turn is None or turn.expires_at >= clock(session):
            return
        conversation = session.get(Conversation, turn.conversation_id)
        assert conversation is not None  # the turn goes with it
        for choice, response in enumerate(turn.responses):
            _keep(session, conversation, turn, choice, response)
        session.delete(turn)


def _keep(
    session: Session,
    conversation: Conversation,
    turn: RunningTurn,
    choice: int,
    response: Mapping[str, Any],
) -> None:
    if session.get(Message, response["id"]):
        return
    conversations.append(
        session, conversation, turn.prompt_message_id, "assistant", response["text"],
        id=response["id"], completion_id=turn.id, choice=choice, policy_id=turn.policy_id,
        finish_reason=response["finish_reason"] or BROKEN,
    )  # fmt: skip


def stored(session: Session, turn_id: str, conversation_id: str) -> Sequence[Message]:
    """The stored responses of a turn, in order."""
    found = conversations.completion(session, turn_id)
    return [each for each in found if each.conversation_id == conversation_id]
