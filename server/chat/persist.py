"""Stores what a turn leaves: the prompt, the answers, and what moderation said of them."""

from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from moderation.rules import Verdict
from server.chat.request import Asked
from server.chat.response import Answer
from tutelage.chat import conversations
from tutelage.errors import NotFound
from tutelage.people import quota
from tutelage.store import Store
from tutelage.tables import Conversation, ModerationRecord, Purpose, StoredCompletion


@dataclass(frozen=True)
class KeptPrompt:
    """Where the prompt is stored."""

    conversation_id: str
    message_id: str  # the message to answer


def keep_prompt(
    store: Store, asked: Asked, verdict: Verdict | None, completion_id: str, policy_id: str
) -> KeptPrompt:
    """Store the new messages, in a new conversation or an existing one."""
    with store.write() as session:
        conversation = _conversation(session, asked)
        quota.count(session, conversation.owner_id, requests=1)
        message_id = asked.parent_id
        for message in asked.new:
            message_id = conversations.append(session, conversation, message_id, **message).id
        if message_id is None:
            raise NotFound("There is nothing to answer: messages is empty.", "messages")
        if asked.new:
            _record(session, message_id, verdict)
        kept = KeptPrompt(conversation.id, message_id)
        _list(session, asked, kept, completion_id, policy_id)
        return kept


def keep_answer(store: Store, prompt: KeptPrompt, completion_id: str, answer: Answer) -> None:
    """Store an answer as it was shown; nothing when its conversation was erased meanwhile."""
    with store.write() as session:
        conversation = session.get(Conversation, prompt.conversation_id)
        if conversation is None:
            return
        columns = _columns(answer, completion_id)
        conversations.append(
            session, conversation, prompt.message_id, "assistant", answer.shown, **columns
        )
        _record(session, answer.id, answer.verdict, answer.withheld)
        if conversation.purpose == Purpose.CHAT:
            quota.count(session, conversation.owner_id, tokens=_tokens(answer))


def _tokens(answer: Answer) -> int:
    """What an answer costs; its prompt is read once for all choices."""
    if answer.stream is None:
        return 0
    return len(answer.tokens) + (answer.stream.prompt_tokens if answer.choice == 0 else 0)


def _conversation(session: Session, asked: Asked) -> Conversation:
    owner = asked.caller.user.id
    if asked.conversation_id is None:
        training = asked.caller.training and asked.training
        return conversations.start(session, owner, training)
    conversation = conversations.owned(session, asked.conversation_id, owner)
    if not asked.training:
        conversations.update(session, conversation, training=False)
    return conversation


def _list(
    session: Session, asked: Asked, kept: KeptPrompt, completion_id: str, policy_id: str
) -> None:
    """Let the client look its completion up later, if it asked for that."""
    if asked.stored is None:
        return
    session.add(
        StoredCompletion(
            id=completion_id,
            owner_id=asked.caller.user.id,
            conversation_id=kept.conversation_id,
            prompt_message_id=kept.message_id,
            kind=asked.stored.kind,
            policy_id=policy_id,
            tags=dict(asked.stored.tags),
            request=dict(asked.stored.request),
        )
    )


def _record(session: Session, message_id: str, verdict: Verdict | None, withheld: str = "") -> None:
    if verdict is None:
        return
    session.add(
        ModerationRecord(
            message_id=message_id,
            classifier=verdict.classifier_version,
            scores=verdict.scores,
            thresholds=verdict.thresholds,
            action=verdict.action.value,
            categories=list(verdict.flagged),
            span=list(verdict.span) if verdict.span else None,
            withheld=withheld,
        )
    )


def _token_ids(answer: Answer) -> list[int] | None:
    """None where a remote engine did not tell them."""
    ids = [token.token_id for token in answer.kept_tokens]
    return None if any(each < 0 for each in ids) else ids


def _columns(answer: Answer, completion_id: str) -> dict[str, Any]:
    """What is stored with an answer besides its text; a refusal was sampled from no policy."""
    columns: dict[str, Any] = {
        "id": answer.id,
        "completion_id": completion_id,
        "choice": answer.choice,
        "finish_reason": answer.finish_reason,
        "first_text_seconds": answer.first_text_seconds,
        "tool_calls": [each.model_dump() for each in answer.calls] or None,
    }
    if answer.stream:
        columns |= {
            "policy_id": answer.stream.policy_id,
            "prompt_tokens": answer.stream.prompt_tokens,
            "sampling": {**vars(answer.sampling), "stop": list(answer.sampling.stop)},
            "token_ids": _token_ids(answer),
            "logprobs": [token.logprob for token in answer.kept_tokens],
            "seconds": answer.seconds,
        }
    return columns
