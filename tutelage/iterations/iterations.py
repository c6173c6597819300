"""The feedback iteration as a job: requested, leased by one worker, kept alive, finished.

The row is the job. A lease has an end and a fencing token; a worker that lost it holds an old
token, and nothing that it reports is kept (Kleppmann 2016, "How to do distributed locking").
"""

import time
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, select

from tutelage import audit
from tutelage.errors import Conflict, NotFound
from tutelage.experiments import experiments
from tutelage.store import Lock, exclude
from tutelage.tables import Iteration, IterationState, PolicyVersion

LEASE_SECONDS = 60.0
UNFINISHED = (IterationState.QUEUED, IterationState.RUNNING)


@dataclass(frozen=True)
class Lease:
    """The right to run one iteration until it lapses."""

    iteration_id: str
    owner: str
    fencing_token: int


def request(
    session: Session,
    preset: str,
    parent_policy_id: str,
    unique_key: str,
    actor: str,
    baseline_policy_id: str = "",
    team_id: str | None = None,
) -> Iteration:
    """Queue an iteration; the same unique key gives the one that is there already.

    Its candidate will be compared with the baseline, by default the parent. A trial of the parent
    ends. Only one iteration is under way at a time: another request is a Conflict. So is a parent
    that belongs to another team than the one whose policy is trained, or to any for a common one.
    """
    exclude(session, Lock.PRIVILEGED)
    parent = session.get(PolicyVersion, parent_policy_id)
    if parent and parent.team_id not in (None, team_id):
        raise Conflict(f"{parent_policy_id} belongs to a team; only its own policies build on it.")
    known = session.exec(select(Iteration).where(Iteration.unique_key == unique_key)).first()
    if known:
        return known
    busy = unfinished(session)
    if busy:
        raise Conflict(f"{busy.id} is already {busy.state}. Wait for it to end or cancel it.")
    iteration = Iteration(
        id=_next_id(session),
        unique_key=unique_key,
        preset=preset,
        team_id=team_id,
        parent_policy_id=parent_policy_id,
        baseline_policy_id=baseline_policy_id or parent_policy_id,
        requested_by=actor,
    )
    session.add(iteration)
    audit.record(
        session, actor, "iteration.request", iteration.id,
        preset=preset, parent=parent_policy_id, baseline=iteration.baseline_policy_id,
        **({"team": team_id} if team_id else {}),
    )  # fmt: skip
    trial = experiments.running(session, team_id)
    if trial and trial.policy_id == parent_policy_id:
        reasons = [f"Undecided; {iteration.id} trains from {parent_policy_id}."]
        experiments.stop(session, trial.id, actor, reasons)
    return iteration


def unfinished(session: Session) -> Iteration | None:
    """The iteration that is queued or running, if any."""
    statement = select(Iteration).where(col(Iteration.state).in_(UNFINISHED))
    return session.exec(statement.order_by(col(Iteration.seq))).first()


def listed(session: Session) -> list[Iteration]:
    """All iterations, newest first."""
    return list(session.exec(select(Iteration).order_by(col(Iteration.seq).desc())))


def stage_seconds(session: Session, preset: str) -> dict[str, float]:
    """How long each stage of the newest complete iteration of a preset took; empty for none."""
    for iteration in listed(session):
        stages: dict[str, dict[str, float]] = iteration.metrics.get("stages", {})
        if iteration.preset == preset and stages:
            return {name: cost["seconds"] for name, cost in stages.items()}
    return {}


def get(session: Session, iteration_id: str) -> Iteration:
    """The row, or NotFound."""
    iteration = session.get(Iteration, iteration_id)
    if iteration is None:
        raise NotFound(f"Iteration {iteration_id!r} not found.")
    return iteration


def lease(session: Session, iteration_id: str, owner: str, now: float | None = None) -> Lease:
    """Take the job, also from an owner whose lease lapsed; Conflict while another holds it."""
    exclude(session, Lock.PRIVILEGED)
    now = time.time() if now is None else now
    iteration = _for_update(session, iteration_id)
    if iteration.state not in UNFINISHED:
        raise Conflict(f"{iteration_id} is already {iteration.state}.")
    if iteration.lease_owner not in (None, owner) and iteration.lease_expires_at > now:
        raise Conflict(
            f"{iteration_id} is already running (worker {iteration.lease_owner}). "
            "Wait for it to end or cancel it."
        )
    iteration.state = IterationState.RUNNING
    iteration.lease_owner = owner
    iteration.lease_expires_at = now + LEASE_SECONDS
    iteration.fencing_token += 1
    iteration.started_at = iteration.started_at or now
    session.add(iteration)
    session.flush()
    audit.record(session, owner, "iteration.lease", iteration_id, token=iteration.fencing_token)
    return Lease(iteration_id, owner, iteration.fencing_token)


def heartbeat(session: Session, held: Lease, progress: dict[str, Any] | None = None) -> None:
    """Renew the lease and report progress; Conflict when the lease was lost or cancelled."""
    iteration = _held(session, held)
    iteration.lease_expires_at = time.time() + LEASE_SECONDS
    if progress is not None:
        iteration.progress = progress
    session.add(iteration)


def amend(session: Session, held: Lease, **columns: Any) -> None:
    """Set columns of the job that one holds: digests, metrics, the candidate's id."""
    iteration = _held(session, held)
    for name, value in columns.items():
        setattr(iteration, name, value)
    session.add(iteration)


def note_death(session: Session, iteration: Iteration, pause: float, longest: float) -> int:
    """A run died: the next waits ``pause`` seconds, doubled with each death. How many died."""
    iteration.attempts += 1
    iteration.retry_at = time.time() + min(longest, pause * 2 ** (iteration.attempts - 1))
    session.add(iteration)
    return iteration.attempts


def release(session: Session, held: Lease) -> None:
    """Give the job back unfinished, so that it can be resumed at once."""
    iteration = _held(session, held)
    iteration.lease_owner, iteration.lease_expires_at = None, 0.0
    session.add(iteration)


def finish(
    session: Session,
    held: Lease,
    state: IterationState,
    decision: str | None = None,
    reasons: list[str] | None = None,
    metrics: dict[str, Any] | None = None,
) -> Iteration:
    """End the job."""
    exclude(session, Lock.PRIVILEGED)
    iteration = _held(session, held)
    iteration.decision, iteration.reasons = decision, reasons or []
    iteration.metrics = metrics or iteration.metrics
    _end(iteration, state)
    session.add(iteration)
    audit.record(session, held.owner, f"iteration.{state}", iteration.id, reasons=reasons or [])
    return iteration


def cancel(session: Session, iteration_id: str, actor: str) -> Iteration:
    """Stop a queued or running iteration; its worker notices at the next heartbeat."""
    exclude(session, Lock.PRIVILEGED)
    iteration = _for_update(session, iteration_id)
    if iteration.state not in UNFINISHED:
        raise Conflict(f"{iteration_id} is already {iteration.state}.")
    _end(iteration, IterationState.CANCELLED)
    iteration.fencing_token += 1
    session.add(iteration)
    audit.record(session, actor, "iteration.cancel", iteration_id)
    return iteration


def _for_update(session: Session, iteration_id: str) -> Iteration:
    """The row as it is now, locked until the transaction ends; or NotFound."""
    get(session, iteration_id)
    return session.get_one(Iteration, iteration_id, with_for_update=True)


def _held(session: Session, held: Lease) -> Iteration:
    iteration = _for_update(session, held.iteration_id)
    running = iteration.state == IterationState.RUNNING
    if not running or iteration.fencing_token != held.fencing_token:
        raise Conflict(
            f"This worker lost the lease on {held.iteration_id}: the iteration is now "
            f"{iteration.state}"
            f"{f' (worker {iteration.lease_owner})' if iteration.lease_owner else ''}."
        )
    return iteration


def _end(iteration: Iteration, state: IterationState) -> None:
    iteration.state = state
    iteration.finished_at = time.time()
    iteration.lease_owner, iteration.lease_expires_at = None, 0.0


def _next_id(session: Session) -> str:
    newest = session.exec(select(Iteration.id).order_by(col(Iteration.seq).desc())).first()
    return f"iteration-{int(newest.split('-')[1]) + 1 if newest else 1:04d}"
