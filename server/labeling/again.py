"""A judged prompt asked again: the policy that was judged and the current one respond."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi.concurrency import run_in_threadpool
from sqlmodel import Session

from server.app_state import AppState
from server.chat.persist import SavedPrompt, add_response, new_completion_id
from server.chat.response import TurnResponse
from server.chat.usage import TokenUsage
from server.generators.generator import Sampling
from server.http.auth import Caller
from server.openai.sampling import chosen
from tutelage.chat import conversations
from tutelage.errors import Invalid, NotFound, TutelageError, Unavailable
from tutelage.people import quota, teams
from tutelage.store import Store
from tutelage.tables import (
    Conversation,
    Feedback,
    FeedbackKind,
    Message,
    PolicyState,
    PolicyVersion,
    new_id,
)


@dataclass(frozen=True)
class JudgedPrompt:
    """What was asked, and the policy whose response was judged."""

    saved: SavedPrompt
    dialogue: Sequence[dict[str, str]]
    policy_id: str
    served: bool  # whether that policy may still respond: it was not rejected


@dataclass(frozen=True)
class AskedAgain:
    """The new responses in random order, stored as choices of one completion."""

    completion_id: str
    responses: Sequence[TurnResponse]
    problem: str | None  # why the earlier policy's is missing


def judged_message(row: Feedback) -> str:
    """The rated message; of a ranking the best one."""
    ranked: str = row.value["ranking"][0][0] if row.kind == FeedbackKind.RANKING else row.target
    return ranked


def judged_prompt(session: Session, author_id: str, feedback_id: str) -> JudgedPrompt:
    """What an author's judgement is about. Raises NotFound, and Invalid for calls of tools."""
    row = session.get(Feedback, feedback_id)
    if row is None or row.author_id != author_id or row.kind == FeedbackKind.WITHDRAWAL:
        raise NotFound(f"You have no feedback with the id {feedback_id!r}.")
    response = session.get(Message, judged_message(row))
    chat = session.get(Conversation, row.conversation_id)
    if response is None or response.parent_id is None or chat is None:
        raise Invalid("This response has no prompt that could be asked again.")
    version = session.get(PolicyVersion, response.policy_id) if response.policy_id else None
    if version is None:  # also where moderation blocked the prompt
        raise Invalid("No policy wrote this response, so its prompt cannot be asked again.")
    if chat.owner_id != author_id:
        raise NotFound("This prompt is another person's; only they can ask it again.")
    return JudgedPrompt(
        SavedPrompt(chat.id, response.parent_id),
        dialogue(session, response),
        version.id,
        version.state != PolicyState.REJECTED
        and version.team_id in (None, teams.of_person(session, author_id)),
    )


def dialogue(session: Session, response: Message) -> list[dict[str, str]]:
    """What a response answers. Raises Invalid where it rests on calls of tools."""
    tree = conversations.messages(session, response.conversation_id)
    path = conversations.path_to(tree, response.parent_id)
    if any(each.tool_calls or each.role == "tool" for each in path):
        raise Invalid("A prompt that rests on calls of tools cannot be asked again.")
    return [{"role": each.role, "content": each.content} for each in path]


async def ask_again(state: AppState, caller: Caller, prompt: JudgedPrompt) -> AskedAgain:
    """The current policy's response, and the earlier policy's where it can still be served.

    Raises Unavailable where no policy is loaded.
    """
    current = state.policies.policy_id
    if current is None:
        raise Unavailable("No policy is loaded; GET /readyz gives the reason.")
    sampling = _sampling(state)
    now = await state.candidates.write(prompt.dialogue, sampling)
    responses, problem = [now], None
    if prompt.policy_id != current:
        try:
            responses.append(await _earlier(state, prompt, sampling))
        except TutelageError as error:
            problem = error.message
    if len({each.shown.strip() for each in responses}) < len(responses):
        responses, problem = [now], f"{prompt.policy_id} gives the same answer."
    secrets.SystemRandom().shuffle(responses)
    completion_id = new_completion_id()
    store = state.services.store
    used = await run_in_threadpool(
        _save, store, prompt.saved, completion_id, responses, caller.user.id
    )
    state.limits.use_tokens(caller.limited_as, used)
    return AskedAgain(completion_id, responses, problem)


async def ask_policy(
    state: AppState, asked: Sequence[dict[str, str]], policy_id: str | None
) -> TurnResponse:
    """What one policy says, as a person would be shown it. Raises as ``borrowed`` does."""
    if policy_id is None:
        raise Unavailable("No policy is loaded; GET /readyz gives the reason.")
    async with state.policies.borrowed(policy_id):
        return await state.candidates.write(asked, _sampling(state), policy_id)


def _sampling(state: AppState) -> Sampling:
    settings = state.services.settings
    return Sampling(max_tokens=settings.max_response_tokens, **chosen(settings))


async def _earlier(state: AppState, prompt: JudgedPrompt, sampling: Sampling) -> TurnResponse:
    if not prompt.served:
        raise Unavailable(f"{prompt.policy_id} was rejected and responds no more.")
    async with state.policies.borrowed(prompt.policy_id):
        return await state.candidates.write(prompt.dialogue, sampling, prompt.policy_id)


def _save(
    store: Store,
    prompt: SavedPrompt,
    completion_id: str,
    responses: Sequence[TurnResponse],
    user_id: str,
) -> int:
    """Store all at once; the tokens that they used."""
    for choice, response in enumerate(responses):
        response.id, response.choice = new_id("msg"), choice
    used = TokenUsage.of(responses).total
    with store.write() as session:
        for response in responses:
            if add_response(session, prompt, completion_id, response) is None:
                raise NotFound("This conversation was deleted meanwhile.")
        quota.count(session, user_id, requests=1, tokens=used)
    return used
