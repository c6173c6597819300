"""Blind tests: two policies answer the same prompts; who judges is not told which is which.

A test is a conversation of the operator: each prompt is a root, both answers are its children,
and a judgement is a ranking like any other, so the leaderboard and the next reward model have it
too. Nothing else is stored: policies are named once every prompt is judged, and what is said after
that does not count.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi.concurrency import run_in_threadpool
from sqlmodel import Session, col, select

from server.chat.persist import KeptPrompt, keep_answer
from server.chat.response import Answer
from server.generators.generator import Sampling
from server.labeling.candidates import Alternatives
from server.policy_watcher import Deployed
from tutelage import audit
from tutelage.chat import conversations
from tutelage.errors import Conflict, Invalid, NotFound
from tutelage.experiments.sequential import Arm, interval
from tutelage.store import Store
from tutelage.tables import Conversation, Feedback, FeedbackKind, Message, Purpose, new_id

MAX_TOKENS = 160
SAMPLING = Sampling(temperature=0.7, top_p=0.95, max_tokens=MAX_TOKENS)
TITLE = "Blind test"
BOTH = 2


@dataclass(frozen=True)
class Pair:
    """A prompt with both answers, in an order that tells nothing."""

    prompt: Message
    answers: tuple[Message, Message]
    judged: list[list[str]] | None  # the ranking of the two

    @property
    def won(self) -> dict[str, float]:
        """By policy: 1 for the better answer, half for a tie."""
        if self.judged is None:
            return {}
        tie = len(self.judged) == 1
        best = self.judged[0]
        return {
            str(each.policy_id): 0.5 if tie else float(each.id in best) for each in self.answers
        }


async def write(
    store: Store,
    deployed: Deployed,
    writer: Alternatives,
    operator_id: str,
    policies: Sequence[str],
    prompts: Sequence[str],
) -> str:
    """Let both policies answer everything, then keep it whole; the id of the test.

    Raises Conflict where a policy cannot be loaded beside the current one, and Invalid where no
    prompt told the policies apart.
    """
    written: list[list[Answer]] = []
    for policy_id in policies:
        async with deployed.borrowed(policy_id):
            dialogues = [[{"role": "user", "content": text}] for text in prompts]
            answers = await asyncio.gather(
                *(writer.write(dialogue, SAMPLING, policy_id) for dialogue in dialogues)
            )
            written.append(answers)
    pairs = [
        (text, one, other)
        for text, one, other in zip(prompts, *written, strict=True)
        if one.shown.strip() != other.shown.strip() and not (one.blocked or other.blocked)
    ]
    if not pairs:
        raise Invalid("Both policies said the same to every prompt, or were blocked.", "prompts")
    return await run_in_threadpool(_keep, store, operator_id, policies, pairs)


def pairs(session: Session, test_id: str, operator_id: str) -> list[Pair]:
    """All prompts of a test, in order. Raises NotFound for one of somebody else."""
    conversation = conversations.owned(session, test_id, operator_id)
    if conversation.purpose != Purpose.BLIND:
        raise NotFound(f"There is no blind test {test_id!r}.")
    tree = conversations.messages(session, test_id)
    answered = {m.id: [a for a in tree if a.parent_id == m.id] for m in tree if not m.parent_id}
    whole = {prompt: both for prompt, both in answered.items() if len(both) == BOTH}
    said = _rankings(session, test_id, len(whole))
    return [
        Pair(prompt, _shuffled(whole[prompt.id]), said.get(prompt.id))
        for prompt in tree
        if prompt.id in whole
    ]


def listed(session: Session, operator_id: str) -> list[Conversation]:
    """One's own tests, newest first."""
    statement = select(Conversation).where(
        Conversation.owner_id == operator_id, Conversation.purpose == Purpose.BLIND
    )
    return list(session.exec(statement.order_by(col(Conversation.id).desc())))


def tally(judged: Sequence[Pair]) -> dict[str, Arm]:
    """By policy: its wins over prompts, ties half."""
    names = sorted({name for pair in judged for name in pair.won})
    return {name: Arm([(1, pair.won[name]) for pair in judged]) for name in names}


def share(arm: Arm) -> tuple[float, float, float]:
    """A policy's share of wins with its 95 % interval over prompts."""
    return arm.mean, *interval(arm)


def require_two(policies: Sequence[str]) -> None:
    """Raises Conflict for a policy against itself."""
    if len(set(policies)) != len(policies):
        raise Conflict("A policy cannot be told apart from itself; choose two.")


def _keep(
    store: Store,
    operator_id: str,
    policies: Sequence[str],
    found: Sequence[tuple[str, Answer, Answer]],
) -> str:
    with store.write() as session:
        conversation = conversations.start(session, operator_id, training=True, title=TITLE)
        conversation.purpose = Purpose.BLIND
        roots = [
            conversations.append(session, conversation, None, "user", text).id
            for text, _, _ in found
        ]
        audit.record(
            session, operator_id, "blind.test", conversation.id,
            policies=list(policies), prompts=len(found),
        )  # fmt: skip
        test_id = conversation.id
    for root, (_, *answers) in zip(roots, found, strict=True):
        for choice, answer in enumerate(answers):
            answer.id, answer.choice = new_id("msg"), choice
            completion_id = new_id("chatcmpl").replace("_", "-")
            keep_answer(store, KeptPrompt(test_id, root), completion_id, answer)
    return test_id


def _shuffled(answers: Sequence[Message]) -> tuple[Message, Message]:
    """The same order whenever one looks, and one that the policies have no part in."""
    one, other = sorted(answers, key=lambda each: hashlib.sha256(each.id.encode()).digest())
    return one, other


def _rankings(session: Session, test_id: str, prompts: int) -> dict[str, list[list[str]]]:
    """The last said of each prompt until all had been judged, for then the policies were named."""
    statement = select(Feedback).where(
        Feedback.conversation_id == test_id, Feedback.kind == FeedbackKind.RANKING
    )
    said: dict[str, list[list[str]]] = {}
    for row in session.exec(statement.order_by(Feedback.id)):
        if len(said) < prompts:
            said[row.target] = row.value["ranking"]
    return said
