"""Which policy the next iteration trains from: the current one, or an undecided challenger.

A gain that is too small for one trial to show need not be lost. Where the schedule says so, the
next iteration trains from the challenger; its candidate is compared with the current policy.
"""

from dataclasses import dataclass

from sqlmodel import Session, col, select

from tutelage.experiments.looks import DAY
from tutelage.policies import deployment
from tutelage.tables import Erasure, Experiment, ExperimentKind, ExperimentState, Schedule

_UNDECIDED = (ExperimentState.RUNNING, ExperimentState.STOPPED)


@dataclass(frozen=True)
class StartingPoint:
    """The ids of two policies, which most often are one."""

    parent: str  # trained from
    current: str  # what the gate compares the candidate with


def of_next(
    session: Session, plan: Schedule | None, team_id: str | None = None
) -> StartingPoint | None:
    """Where an iteration that is requested now starts; None without a current policy.

    A team's starts from the policy that answers its members.
    """
    current = deployment.serving(session, team_id)
    if current is None:
        return None
    builds = plan and plan.build_on_undecided
    trial = undecided_trial(session, current.id, team_id) if builds else None
    return StartingPoint(trial.policy_id if trial else current.id, current.id)


def undecided_trial(
    session: Session, current: str, team_id: str | None = None
) -> Experiment | None:
    """The newest canary beside the current policy, if users decided neither for nor against it.

    Of a team, or of everyone. Not one that an operator decides, nor of a policy that learned from
    what was erased since.
    """
    canaries = select(Experiment).where(
        Experiment.kind == ExperimentKind.CANARY, Experiment.team_id == team_id
    )
    newest = session.exec(canaries.order_by(col(Experiment.seq).desc())).first()
    if newest is None or newest.control_id != current or newest.state not in _UNDECIDED:
        return None
    erased = {name for row in session.exec(select(Erasure)) for name in row.policies}
    return newest if newest.automatic and newest.policy_id not in erased else None


def may_end(session: Session, trial: Experiment, plan: Schedule, now: float) -> bool:
    """Whether an iteration may end this trial by building on its policy.

    Comparisons are looked at once a day, so not before a day has passed.
    """
    found = (
        undecided_trial(session, trial.control_id, trial.team_id)
        if plan.build_on_undecided
        else None
    )
    return found is not None and found.id == trial.id and now - trial.created_at >= DAY
