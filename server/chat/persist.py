"""Stores a turn: the prompt, the responses, and their moderation verdicts."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from sqlmodel import Session

from moderation.rules import Verdict
from server.chat.moderation import PromptVerdict
from server.chat.request import ResolvedRequest
from server.chat.response import TurnResponse
from server.chat.usage import TokenUsage
from server.generators.generator import ToolCall
from tutelage.chat import conversations, running_turns
from tutelage.errors import NotFound
from tutelage.people import quota
from tutelage.store import Store, retried
from tutelage.tables import (
    Conversation,
    Message,
    ModerationRecord,
    Purpose,
    StoredCompletion,
    new_id,
)


@dataclass(frozen=True)
class SavedPrompt:
    """Where the prompt is stored."""

    conversation_id: str
    message_id: str  # the message to respond to


def new_completion_id() -> str:
    """An id in OpenAI's form."""
    return new_id("chatcmpl").replace("_", "-")


@retried
def save_prompt(
    store: Store,
    request: ResolvedRequest,
    verdict: PromptVerdict | None,
    completion_id: str,
    policy_id: str,
    responses: Sequence[TurnResponse],
    survives: bool,
) -> SavedPrompt:
    """Store the new messages, in a new conversation or an existing one.

    The responses get their ids. Of a turn that ``survives`` other processes know from now on.
    """
    with store.write() as session:
        conversation = _conversation(session, request)
        message_id, verdicts = request.parent_id, verdict.messages if verdict else []
        for message, own in zip_longest(request.new[:-1], verdicts[:-1]):
            message_id = conversations.append(session, conversation, message_id, **message).id
            _save_verdict(session, message_id, own if own and own.flagged else None)
        for message in request.new[-1:]:
            message_id = conversations.append(session, conversation, message_id, **message).id
        if message_id is None:
            raise NotFound("messages is empty: there is no message to respond to.", "messages")
        if request.new:
            _save_verdict(session, message_id, verdict.whole if verdict else None)
        saved = SavedPrompt(conversation.id, message_id)
        _save_listing(session, request, saved, completion_id, policy_id)
        for response in responses:
            response.id = new_id("msg")
        if survives:
            begun = [{"id": each.id, "text": "", "finish_reason": None} for each in responses]
            running_turns.begin(
                session, completion_id, saved.conversation_id, saved.message_id, policy_id, begun
            )
        quota.count(session, conversation.owner_id, requests=1)  # last: one order of locks
        if request.turn.caller.site and request.turn.caller.key:
            quota.count(session, request.turn.caller.key.user_id, requests=1)
        return saved


@retried
def save_response(
    store: Store, prompt: SavedPrompt, completion_id: str, response: TurnResponse
) -> None:
    """Store a response as it was shown; nothing when its conversation was erased meanwhile."""
    with store.write() as session:
        conversation = add_response(session, prompt, completion_id, response)
        if conversation is None:
            return
        if conversation.purpose == Purpose.CHAT:
            used = TokenUsage.of([response]).total
            quota.count(session, conversation.owner_id, tokens=used)


def add_response(
    session: Session, prompt: SavedPrompt, completion_id: str, response: TurnResponse
) -> Conversation | None:
    """Add a response in the caller's transaction; None when the conversation was erased."""
    conversation = session.get(Conversation, prompt.conversation_id)
    if conversation:
        columns = _columns(response, completion_id)
        if broken := session.get(Message, response.id):  # another process took this one for dead
            broken.sqlmodel_update({"content": response.shown, **columns})
            session.add(broken)
        else:
            conversations.append(
                session, conversation, prompt.message_id, "assistant", response.shown, **columns
            )
        _save_verdict(session, response.id, response.verdict, response.withheld)
    return conversation


def _conversation(session: Session, request: ResolvedRequest) -> Conversation:
    turn = request.turn
    owner = turn.caller.user.id
    if turn.conversation_id is None:
        training = turn.caller.training and turn.training
        conversation = conversations.start(session, owner, training)
    else:
        conversation = conversations.owned(session, turn.conversation_id, owner)
        if not turn.training:
            conversations.update(session, conversation, training=False)
    if request.team_id:
        conversations.claim(session, conversation, request.team_id)
    return conversation


def _save_listing(
    session: Session,
    request: ResolvedRequest,
    saved: SavedPrompt,
    completion_id: str,
    policy_id: str,
) -> None:
    """Let the client look its completion up later, if it asked for that."""
    listing = request.turn.listing
    if listing is None:
        return
    session.add(
        StoredCompletion(
            id=completion_id,
            owner_id=request.turn.caller.user.id,
            conversation_id=saved.conversation_id,
            prompt_message_id=saved.message_id,
            kind=listing.kind,
            policy_id=policy_id,
            tags=dict(listing.tags),
            request=dict(listing.request),
        )
    )


def _save_verdict(
    session: Session, message_id: str, verdict: Verdict | None, withheld: str = ""
) -> None:
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


def _token_ids(response: TurnResponse) -> list[int] | None:
    """None where a remote engine did not report them."""
    ids = [token.token_id for token in response.kept_tokens]
    return None if any(each < 0 for each in ids) else ids


def _tool_call(call: ToolCall) -> dict[str, Any]:
    """As OpenAI's messages hold it, which is how dialogues are stored."""
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}


def _columns(response: TurnResponse, completion_id: str) -> dict[str, Any]:
    """The columns besides the text; a refusal was not sampled from a policy."""
    columns: dict[str, Any] = {
        "id": response.id,
        "completion_id": completion_id,
        "choice": response.choice,
        "finish_reason": response.finish_reason,
        "first_text_seconds": response.first_text_seconds,
        "tool_calls": [_tool_call(each) for each in response.tool_calls] or None,
    }
    if response.stream:
        columns |= {
            "policy_id": response.stream.policy_id,
            "prompt_tokens": response.stream.prompt_tokens,
            "sampling": {
                **vars(response.sampling),
                "stop": list(response.sampling.stop),
                "continued": len(response.prefix),  # characters that were not sampled
            },
            "token_ids": _token_ids(response),
            "logprobs": [token.logprob for token in response.kept_tokens],
            "seconds": response.seconds,
        }
    return columns
