"""When iterations start by themselves: by the clock, by the number of judgements, or both."""

import time
from datetime import UTC, datetime

from cronsim import CronSim, CronSimError
from sqlmodel import Session, col, func, select

from tutelage import audit
from tutelage.errors import Conflict, Invalid
from tutelage.experiments import experiments
from tutelage.iterations import starting_point
from tutelage.policies import deployment
from tutelage.tables import (
    Conversation,
    Feedback,
    FeedbackKind,
    Iteration,
    IterationState,
    PolicyState,
    PolicyVersion,
    Schedule,
)

ACTOR = "schedule"


def in_force(session: Session, team_id: str | None = None) -> Schedule | None:
    """The newest schedule of the common policies, or a team's, unless it is switched off."""
    own = select(Schedule).where(Schedule.team_id == team_id)
    newest = session.exec(own.order_by(col(Schedule.seq).desc())).first()
    return newest if newest and newest.enabled else None


def set_schedule(session: Session, schedule: Schedule) -> Schedule:
    """Put a schedule in force. Raises Invalid when its cron expression is none."""
    if schedule.cron:
        _slots(schedule.cron, time.time())
    session.add(schedule)
    details = schedule.model_dump(exclude={"id", "seq", "author_id", "created_at"})
    audit.record(session, schedule.author_id, "schedule.set", schedule.id, **details)
    return schedule


def teams(session: Session) -> list[str]:
    """The teams that have had a schedule."""
    return sorted(each for each in session.exec(select(Schedule.team_id).distinct()) if each)


def due(session: Session, now: float, seen: float, team_id: str | None = None) -> str | None:
    """Why an iteration is to start, as a key that is the same for every worker; or None.

    ``seen`` is when the caller looked last. Slots that were missed (a machine that was off, a clock
    that was put forward) make one iteration, not many; a clock that was put back waits for the
    next slot and no longer.
    """
    schedule = in_force(session, team_id)
    if schedule is None or not _idle(session, schedule, now):
        return None
    return _by_feedback(session, schedule) or _by_clock(session, schedule, now, seen)


def next_at(session: Session, schedule: Schedule, now: float) -> float | None:
    """When the clock starts the next iteration."""
    if not schedule.cron:
        return None
    return _next_slot(schedule.cron, _since(session, schedule, now, now))


def feedback_since(session: Session, team_id: str | None = None) -> int:
    """Judgements in consented chats of a team, or of none, since its newest iteration began."""
    newest = _newest(session, team_id)
    statement = (
        select(func.count())
        .select_from(Feedback)
        .join(Conversation, col(Feedback.conversation_id) == col(Conversation.id))
        .where(Conversation.training, Conversation.team_id == team_id)
        .where(Feedback.kind != FeedbackKind.WITHDRAWAL)
        .where(Feedback.seq > (newest.seq if newest else 0))
    )
    return session.exec(statement).one()


def start_canary(session: Session, team_id: str | None = None) -> str | None:
    """Put the newest candidate that may be tried on trial, where the schedule wants that.

    Returns the experiment's id. A candidate that the gate compared with another policy is left.
    """
    schedule, newest = in_force(session, team_id), _newest(session, team_id)
    current = deployment.serving(session, team_id)
    if schedule is None or not schedule.canary or current is None or newest is None:
        return None
    if not _may_be_tried(newest, schedule) or newest.baseline_policy_id != current.id:
        return None
    version = session.get(PolicyVersion, newest.policy_id)
    if version is None or version.state != PolicyState.CANDIDATE or _tried(session, version.id):
        return None
    try:
        rules = experiments.Rules(days=schedule.days)
        share = schedule.share
        return experiments.start(session, version.id, ACTOR, share=share, rules=rules).id
    except Conflict:
        return None


def _may_be_tried(iteration: Iteration, schedule: Schedule) -> bool:
    """What the gate let pass; and, if wanted, what it asks about only for want of proof."""
    if iteration.state == IterationState.UNDECIDED and schedule.unproven:
        return bool(iteration.metrics.get("unproven"))
    return iteration.state == IterationState.PROMOTED


def _by_feedback(session: Session, schedule: Schedule) -> str | None:
    if not schedule.feedback or feedback_since(session, schedule.team_id) < schedule.feedback:
        return None
    newest = _newest(session, schedule.team_id)
    return f"feedback/{schedule.id}/{newest.id if newest else 'first'}"


def _by_clock(session: Session, schedule: Schedule, now: float, seen: float) -> str | None:
    if not schedule.cron:
        return None
    slot = _next_slot(schedule.cron, _since(session, schedule, now, seen))
    return f"cron/{schedule.id}/{slot:.0f}" if slot <= now else None


def _since(session: Session, schedule: Schedule, now: float, seen: float) -> float:
    """The moment after which slots count; in the future only a clock since put back wrote it."""
    newest = _newest(session, schedule.team_id)
    written = max(schedule.created_at, newest.created_at if newest else 0.0)
    return written if written <= now else min(seen, now)


def _next_slot(cron: str, since: float) -> float:
    return next(_slots(cron, since)).timestamp()


def _slots(cron: str, since: float) -> CronSim:
    try:
        return CronSim(cron, datetime.fromtimestamp(since, UTC))
    except CronSimError as error:
        raise Invalid(
            f"Invalid cron expression {cron!r} ({error}). It has five fields: '0 3 * * *' means "
            "every day at 3:00 UTC.",
            "cron",
        ) from error


def _idle(session: Session, schedule: Schedule, now: float) -> bool:
    """Nothing is being trained, and nothing is on trial that the next iteration would overtake.

    A trial that the next iteration may end by building on its policy does not count.
    """
    unfinished = (IterationState.QUEUED, IterationState.RUNNING)
    busy = session.exec(select(Iteration).where(col(Iteration.state).in_(unfinished))).first()
    trial = experiments.running(session, schedule.team_id)
    free = trial is None or starting_point.may_end(session, trial, schedule, now)
    return busy is None and free


def _tried(session: Session, policy_id: str) -> bool:
    return any(row.policy_id == policy_id for row in experiments.listed(session))


def _newest(session: Session, team_id: str | None) -> Iteration | None:
    """The newest iteration of a team's policy, or of a common one."""
    own = select(Iteration).where(Iteration.team_id == team_id)
    return session.exec(own.order_by(col(Iteration.seq).desc())).first()
