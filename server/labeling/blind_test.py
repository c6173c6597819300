"""Blind tests: two policies respond to the same prompts; the judge does not see which is which.

A test is a conversation of the operator: each prompt is a root, both responses are its children,
and a judgement is an ordinary ranking, so the leaderboard and the next reward model use it too.
Nothing else is stored: policies are named once every prompt is judged, and later judgements do not
count.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi.concurrency import run_in_threadpool
from sqlmodel import Session, col, select

from server.chat.persist import SavedPrompt, new_completion_id, save_response
from server.chat.response import TurnResponse
from server.generators.generator import Sampling
from server.labeling.candidates import CandidateWriter
from server.policy_watcher import PolicyWatcher
from tutelage import audit
from tutelage.chat import conversations
from tutelage.errors import Conflict, Invalid, NotFound
from tutelage.experiments.sequential import Arm, interval
from tutelage.store import Store
from tutelage.tables import (
    Conversation,
    Feedback,
    FeedbackKind,
    Message,
    PolicyVersion,
    Purpose,
    new_id,
)

MAX_TOKENS = 160
SAMPLING = Sampling(temperature=0.7, top_p=0.95, max_tokens=MAX_TOKENS)
TITLE = "Blind test"
BOTH = 2


@dataclass(frozen=True)
class BlindComparison:
    """A prompt with both responses, in an order that is independent of the policies."""

    prompt: Message
    responses: tuple[Message, Message]
    judged: list[list[str]] | None  # the ranking of the two

    @property
    def won(self) -> dict[str, float]:
        """By policy: 1 for the better response, half for a tie."""
        if self.judged is None:
            return {}
        tie = len(self.judged) == 1
        best = self.judged[0]
        return {
            str(each.policy_id): 0.5 if tie else float(each.id in best) for each in self.responses
        }


async def write(
    store: Store,
    watcher: PolicyWatcher,
    writer: CandidateWriter,
    operator_id: str,
    policies: Sequence[str],
    prompts: Sequence[str],
) -> str:
    """Let both policies respond to all prompts, then store the test; its id.

    Raises Conflict where a policy finds no place in memory, and Invalid where the
    policies do not differ on any prompt.
    """
    written: list[list[TurnResponse]] = []
    for policy_id in policies:
        async with watcher.borrowed(policy_id):
            dialogues = [[{"role": "user", "content": text}] for text in prompts]
            responses = await asyncio.gather(
                *(writer.write(dialogue, SAMPLING, policy_id) for dialogue in dialogues)
            )
            written.append(responses)
    pairs = [
        (text, one, other)
        for text, one, other in zip(prompts, *written, strict=True)
        if one.shown.strip() != other.shown.strip() and not (one.blocked or other.blocked)
    ]
    if not pairs:
        raise Invalid(
            "The policies gave identical or blocked responses to every prompt.", "prompts"
        )
    return await run_in_threadpool(_save, store, operator_id, policies, pairs)


def pairs(session: Session, test_id: str, operator_id: str) -> list[BlindComparison]:
    """All prompts of a test, in order. Raises NotFound for a test of another operator."""
    conversation = conversations.owned(session, test_id, operator_id)
    if conversation.purpose != Purpose.BLIND:
        raise NotFound(f"Blind test {test_id!r} not found.")
    tree = conversations.messages(session, test_id)
    children = {m.id: [a for a in tree if a.parent_id == m.id] for m in tree if not m.parent_id}
    whole = {prompt: both for prompt, both in children.items() if len(both) == BOTH}
    rankings = _rankings(session, test_id, len(whole))
    return [
        BlindComparison(prompt, _shuffled(whole[prompt.id]), rankings.get(prompt.id))
        for prompt in tree
        if prompt.id in whole
    ]


def listed(session: Session, operator_id: str) -> list[Conversation]:
    """The operator's own tests, newest first."""
    statement = select(Conversation).where(
        Conversation.owner_id == operator_id, Conversation.purpose == Purpose.BLIND
    )
    return list(session.exec(statement.order_by(col(Conversation.seq).desc())))


def tally(judged: Sequence[BlindComparison]) -> dict[str, Arm]:
    """By policy: its wins over prompts, ties half."""
    names = sorted({name for pair in judged for name in pair.won})
    return {name: Arm([(1, pair.won[name]) for pair in judged]) for name in names}


def share(arm: Arm) -> tuple[float, float, float]:
    """A policy's share of wins with its 95 % interval over prompts."""
    return arm.mean, *interval(arm)


def require_two(policies: Sequence[str]) -> None:
    """Raises Conflict for a policy against itself."""
    if len(set(policies)) != len(policies):
        raise Conflict("A blind test compares two different policies.")


def _save(
    store: Store,
    operator_id: str,
    policies: Sequence[str],
    found: Sequence[tuple[str, TurnResponse, TurnResponse]],
) -> str:
    with store.write() as session:
        versions = [session.get(PolicyVersion, each) for each in policies]
        of_teams = {each.team_id for each in versions if each and each.team_id}
        if len(of_teams) > 1:
            raise Conflict("These are policies of two teams, which share nothing.")
        conversation = conversations.start(session, operator_id, training=True, title=TITLE)
        conversation.purpose = Purpose.BLIND
        for team_id in of_teams:  # what its policy says teaches nobody else
            conversations.claim(session, conversation, team_id)
        roots = [
            conversations.append(session, conversation, None, "user", text).id
            for text, _, _ in found
        ]
        audit.record(
            session, operator_id, "blind.test", conversation.id,
            policies=list(policies), prompts=len(found),
        )  # fmt: skip
        test_id = conversation.id
    for root, (_, *responses) in zip(roots, found, strict=True):
        for choice, response in enumerate(responses):
            response.id, response.choice = new_id("msg"), choice
            save_response(store, SavedPrompt(test_id, root), new_completion_id(), response)
    return test_id


def _shuffled(responses: Sequence[Message]) -> tuple[Message, Message]:
    """A stable order that is independent of the policies."""
    one, other = sorted(responses, key=lambda each: hashlib.sha256(each.id.encode()).digest())
    return one, other


def _rankings(session: Session, test_id: str, prompts: int) -> dict[str, list[list[str]]]:
    """The last ranking of each prompt until all were judged, when the policies are named."""
    statement = select(Feedback).where(
        Feedback.conversation_id == test_id, Feedback.kind == FeedbackKind.RANKING
    )
    rankings: dict[str, list[list[str]]] = {}
    for row in session.exec(statement.order_by(col(Feedback.seq))):
        if len(rankings) < prompts:
            rankings[row.target] = row.value["ranking"]
    return rankings
