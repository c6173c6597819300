"""People choose on the ladder: an iteration's rungs as ranking tasks, and which rung they prefer.

A rung bears the name of its iteration's candidate, its update and the scale of its adapter, such as
``policy-0003@8x0.5``. The rung that the gate evaluated is the candidate itself.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, func, select

from tutelage import audit
from tutelage.chat import conversations
from tutelage.errors import Conflict, Invalid, NotFound
from tutelage.experiments import leaderboard
from tutelage.experiments.leaderboard import Rating
from tutelage.iterations import iterations
from tutelage.labeling import labeling
from tutelage.store import Lock, exclude
from tutelage.tables import (
    Conversation,
    Feedback,
    FeedbackKind,
    Iteration,
    LadderComparison,
    Message,
    new_id,
)

FEWEST, MOST = 3, 5  # rungs in one comparison
_NAME = re.compile(r"(policy-[0-9]{4,})@([0-9]+)(?:x([0-9]+(?:\.[0-9]+)?))?")


@dataclass(frozen=True)
class RungName:
    """Which policy on which ladder."""

    candidate: str
    update: int
    scale: float = 1.0

    def __str__(self) -> str:
        scaled = "" if self.scale == 1 else f"x{self.scale:g}"
        return f"{self.candidate}@{self.update}{scaled}"

    @classmethod
    def parse(cls, text: str) -> "RungName":
        """The name that is written so. Raises NotFound."""
        found = _NAME.fullmatch(text)
        if found is None:
            raise NotFound(f"{text!r} is not a rung (example: policy-0003@8x0.5).")
        return cls(found[1], int(found[2]), float(found[3] or 1))


@dataclass(frozen=True)
class RungResponse:
    """What a rung, or the current policy, wrote."""

    policy: str
    text: str
    finished: bool  # False: cut at the token limit


@dataclass(frozen=True)
class LadderChoice:
    """What people have said of an iteration's rungs; strengths as on the leaderboard."""

    tasks: int
    ranked: int
    waiting: bool  # for a worker, which writes the responses
    problem: str | None  # why the newest comparison has none
    ratings: list[Rating]
    proposed: str | None  # the best lower end of an interval, if that beats the baseline


def request(
    session: Session, iteration_id: str, rungs: int, prompts: int, overlap: int, actor: str
) -> LadderComparison:
    """Ask for a comparison; a worker lets the rungs respond.

    Raises: NotFound without a candidate, Invalid, Conflict while another one waits.
    """
    exclude(session, Lock.LABELING)
    iteration = iterations.get(session, iteration_id)
    candidate_of(iteration)
    if iteration.team_id:
        raise Conflict(f"The prompts of {iteration_id} are a team's; labelers do not read them.")
    require_number(rungs)
    if waiting(session):
        raise Conflict("Another comparison waits for a worker. Try again when it is written.")
    row = LadderComparison(
        iteration_id=iteration_id, rungs=rungs, prompts=prompts, overlap=overlap, requested_by=actor
    )
    session.add(row)
    audit.record(session, actor, "ladder.compare", iteration_id, rungs=rungs, prompts=prompts)
    return row


def require_number(rungs: int) -> None:
    """Raises Invalid for too few or too many rungs."""
    if not FEWEST <= rungs <= MOST:
        raise Invalid(f"Compare {FEWEST} to {MOST} rungs, not {rungs}.", "rungs")


def waiting(session: Session) -> LadderComparison | None:
    """The comparison that a worker is to write."""
    statement = select(LadderComparison).where(
        col(LadderComparison.tasks).is_(None), col(LadderComparison.problem).is_(None)
    )
    return session.exec(statement).first()


def add_task(
    session: Session,
    dialogue: Sequence[Message] | str,
    responses: Sequence[RungResponse],
    sampling: dict[str, Any],
    overlap: int,
) -> bool:
    """A ranking task of responses to one prompt; equal texts are shown once.

    False, and no task, where fewer than two differ: nothing is to be ranked.
    """
    different: dict[str, RungResponse] = {}
    for response in responses:
        text = " ".join(response.text.casefold().split())
        if text:
            different.setdefault(text, response)
    if len(different) < 2:
        return False
    task = labeling.add_task(session, FeedbackKind.RANKING, dialogue, None, overlap)
    conversation = session.get_one(Conversation, task.conversation_id)
    completion = new_id("chatcmpl")
    for choice, response in enumerate(different.values()):
        conversations.append(
            session, conversation, task.message_id, "assistant", response.text,
            policy_id=response.policy, completion_id=completion, choice=choice, sampling=sampling,
            finish_reason="stop" if response.finished else "length",
        )  # fmt: skip
    return True


def choice(session: Session, iteration: Iteration) -> LadderChoice:
    """What people prefer among the rungs, the candidate and the policy that was current.

    Raises NotFound for an iteration without a candidate.
    """
    candidate = candidate_of(iteration)
    prefix = f"{candidate}@"
    prompts = _prompts(session, candidate)
    judged = select(func.count(func.distinct(Feedback.target))).where(
        Feedback.kind == FeedbackKind.RANKING, col(Feedback.target).in_(prompts)
    )
    fixed = {candidate, iteration.baseline_policy_id}
    compared = tuple(
        each
        for each in leaderboard.user_comparisons(session)
        if all(name in fixed or name.startswith(prefix) for name in (each.one, each.other))
    )
    ratings = leaderboard.board(leaderboard.PEOPLE, compared).ratings
    proposed = _best(ratings, iteration.baseline_policy_id)
    newest = session.exec(
        select(LadderComparison)
        .where(LadderComparison.iteration_id == iteration.id)
        .order_by(col(LadderComparison.seq).desc())
    ).first()
    return LadderChoice(
        tasks=len(prompts),
        ranked=session.exec(judged).one(),
        waiting=newest is not None and newest.tasks is None and newest.problem is None,
        problem=newest.problem if newest else None,
        ratings=ratings,
        proposed=proposed,
    )


def asked(session: Session, candidate: str) -> set[str]:
    """The texts of the prompts that rungs of a candidate have responded to."""
    prompts = _prompts(session, candidate)
    return set(session.exec(select(Message.content).where(col(Message.id).in_(prompts))))


def candidate_of(iteration: Iteration) -> str:
    """The policy that the iteration published. Raises NotFound where the gate refused it."""
    if iteration.policy_id is None:
        raise NotFound(f"{iteration.id} has published no candidate, so no rung can follow it.")
    return iteration.policy_id


def _prompts(session: Session, candidate: str) -> set[str | None]:
    """The ids of the prompts that rungs of a candidate have responded to."""
    rungs = col(Message.policy_id).startswith(f"{candidate}@")
    return set(session.exec(select(Message.parent_id).where(rungs)))


def _best(ratings: Collection[Rating], baseline: str) -> str | None:
    """The highest lower end, if it is above the baseline's strength."""
    anchor = next((rating.elo for rating in ratings if rating.policy_id == baseline), None)
    others = [rating for rating in ratings if rating.policy_id != baseline]
    best = max(others, key=lambda rating: rating.low, default=None)
    return best.policy_id if best and anchor is not None and best.low > anchor else None
