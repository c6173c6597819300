"""Policies on trial: who meets which one, what they make of it, and when a rule decides.

A person's place is a hash, so they always meet the same policy and a share can grow without
anybody changing sides. What is watched, and how far it may go, is fixed when the trial begins.
"""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from sqlmodel import Session, col, select

from tutelage import audit
from tutelage.errors import Conflict, Invalid, NotFound
from tutelage.experiments import looks, outcomes
from tutelage.experiments.looks import DAY
from tutelage.experiments.sequential import AlwaysValid, compare, paired
from tutelage.policies import deployment
from tutelage.store import Lock, exclude
from tutelage.tables import (
    Conversation,
    Experiment,
    ExperimentKind,
    ExperimentState,
    Membership,
    PolicyPin,
    PolicyState,
    PolicyVersion,
    User,
)


class Ending(StrEnum):
    """How an experiment can be ended."""

    PROMOTE = "promote"
    ROLL_BACK = "rollback"
    STOP = "stop"


@dataclass(frozen=True)
class Rules:
    """When a trial ends by itself.

    Half of ``alpha`` is the comparisons'; all else that is watched shares the other half.
    """

    alpha: float = 0.05
    worse: float = 0.02  # a guard may rise by this much before the trial is rolled back
    liked: float = 0.0  # people must like it better by more than this
    days: float = 14.0  # after these the trial stops undecided
    slow: float = 0.0  # seconds that an answer may take; 0: twice what is usual when it begins

    @property
    def alpha_of_comparisons(self) -> float:
        """That of the primary endpoint."""
        return self.alpha / 2

    @property
    def alpha_of_rates(self) -> float:
        """That of each other measure."""
        return self.alpha / 2 / len(outcomes.RATES)


@dataclass(frozen=True)
class Routing:
    """Who meets which policy, as a server process remembers it between two looks at the store."""

    experiment: Experiment | None = None
    pins: Mapping[str, str] = field(default_factory=dict)  # user id: policy id

    @property
    def challenger(self) -> str | None:
        """The policy that must be loaded as the challenger."""
        return self.experiment.policy_id if self.experiment else None

    def policy_for(self, user_id: str) -> str | None:
        """The challenger, for users whom it serves; None for the current one."""
        experiment = self.experiment
        if experiment is None or experiment.kind != ExperimentKind.CANARY:
            return None
        pinned = self.pins.get(user_id)
        if pinned is not None:
            return experiment.policy_id if pinned == experiment.policy_id else None
        return experiment.policy_id if place(experiment.id, user_id) < experiment.share else None

    def side_by_side(self, user_id: str, training: bool, choices: int) -> bool:
        """Whether a comparison asked for in chat shows responses of both policies."""
        experiment = self.experiment
        return (
            experiment is not None
            and experiment.side_by_side
            and experiment.kind == ExperimentKind.CANARY
            and training
            and choices > 1
            and user_id not in self.pins
        )

    def shadowed(self, message_id: str) -> bool:
        """Whether the shadow writes an answer to this turn too."""
        experiment = self.experiment
        return (
            experiment is not None
            and experiment.kind == ExperimentKind.SHADOW
            and place(experiment.id, message_id) < experiment.share
        )


def place(experiment_id: str, subject: str) -> float:
    """A person's place in [0, 1), constant within one experiment."""
    digest = hashlib.sha256(f"{experiment_id}/{subject}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def routing(session: Session, team_id: str | None = None) -> Routing:
    """Who meets which policy now, of a team's members or of everyone."""
    experiment, current = running(session, team_id), deployment.serving(session, team_id)
    if experiment is None or current is None or current.id != experiment.control_id:
        return Routing()
    return Routing(
        experiment, {pin.user_id: pin.policy_id for pin in session.exec(select(PolicyPin))}
    )


def of_teams(session: Session) -> dict[str, Routing]:
    """Who meets which policy in the teams that have a trial, by team."""
    teams = [each.team_id for each in all_running(session) if each.team_id]
    return {team_id: routing(session, team_id) for team_id in teams}


def running(session: Session, team_id: str | None = None) -> Experiment | None:
    """The experiment under way: a team's, or everyone's."""
    return next((each for each in all_running(session) if each.team_id == team_id), None)


def all_running(session: Session) -> list[Experiment]:
    """The experiments under way: at most one of everyone, and one of each team."""
    statement = select(Experiment).where(Experiment.state == ExperimentState.RUNNING)
    return list(session.exec(statement.order_by(col(Experiment.seq))))


def listed(session: Session) -> list[Experiment]:
    """All experiments, newest first."""
    return list(session.exec(select(Experiment).order_by(col(Experiment.seq).desc())))


def get(session: Session, experiment_id: str) -> Experiment:
    """The row, or NotFound."""
    found = session.get(Experiment, experiment_id)
    if found is None:
        raise NotFound(f"Experiment {experiment_id!r} not found.")
    return found


def start(
    session: Session,
    policy_id: str,
    actor: str,
    kind: ExperimentKind = ExperimentKind.CANARY,
    share: float = 0.1,
    side_by_side: bool = True,
    automatic: bool = True,
    rules: Rules | None = None,
    explanation: str = "",
) -> Experiment:
    """Put a policy on trial. Conflict while another one is, or when the policy is current.

    A team's policy is tried by its members alone, beside the policy that answers them now. Raises
    Invalid where it needs an ``explanation`` (``deployment.promote``) and has none.
    """
    exclude(session, Lock.PRIVILEGED)
    version = session.get(PolicyVersion, policy_id)
    team_id = version.team_id if version else None
    busy, control = running(session, team_id), deployment.serving(session, team_id)
    if busy:
        raise Conflict(f"{busy.policy_id} is already on trial. End that trial first.")
    if version is None or control is None:
        raise NotFound(
            f"Policy {policy_id!r} not found. List the policies with `tutelage policies list`."
        )
    if version.id == control.id:
        raise Conflict(f"{policy_id} is already the current policy.")
    deployment.require_explained(session, version, explanation)
    rules = rules or Rules()
    rules = replace(rules, slow=rules.slow or outcomes.patience(session, control.id))
    experiment = Experiment(
        kind=kind,
        team_id=team_id,
        policy_id=policy_id,
        control_id=control.id,
        share=_valid_share(share),
        side_by_side=side_by_side,
        automatic=automatic,
        rules=asdict(rules),
        started_by=actor,
    )
    session.add(experiment)
    if kind == ExperimentKind.CANARY:
        version.state = PolicyState.CANARY
        session.add(version)
    audit.record(
        session, actor, "experiment.start", experiment.id,
        policy=policy_id, control=control.id, kind=str(kind), share=share, rules=experiment.rules,
        explanation=explanation, **({"team": team_id} if team_id else {}),
    )  # fmt: skip
    return experiment


def set_share(session: Session, experiment_id: str, share: float, actor: str) -> Experiment:
    """Change its share; people who stay assigned keep their policy."""
    exclude(session, Lock.PRIVILEGED)
    experiment = _under_way(session, experiment_id)
    before, experiment.share = experiment.share, _valid_share(share)
    session.add(experiment)
    audit.record(session, actor, "experiment.share", experiment.id, before=before, share=share)
    return experiment


def promote(session: Session, experiment_id: str, actor: str, reasons: list[str]) -> Experiment:
    """The policy on trial becomes current."""
    exclude(session, Lock.PRIVILEGED)
    experiment = _under_way(session, experiment_id)
    _end(session, experiment, ExperimentState.PROMOTED, actor, reasons)
    deployment.promote(session, experiment.policy_id, actor, " ".join(reasons))
    return experiment


def roll_back(session: Session, experiment_id: str, actor: str, reasons: list[str]) -> Experiment:
    """All people meet the current policy again from the next turn on; the other is rejected."""
    exclude(session, Lock.PRIVILEGED)
    experiment = _under_way(session, experiment_id)
    _end(session, experiment, ExperimentState.ROLLED_BACK, actor, reasons)
    _set_state(session, experiment.policy_id, PolicyState.REJECTED)
    return experiment


def stop(session: Session, experiment_id: str, actor: str, reasons: list[str]) -> Experiment:
    """End the trial without a verdict; the policy is a candidate again."""
    exclude(session, Lock.PRIVILEGED)
    experiment = _under_way(session, experiment_id)
    _end(session, experiment, ExperimentState.STOPPED, actor, reasons)
    if experiment.kind == ExperimentKind.CANARY:
        _set_state(session, experiment.policy_id, PolicyState.CANDIDATE)
    return experiment


def end(
    session: Session, experiment_id: str, ending: Ending, actor: str, reasons: list[str]
) -> Experiment:
    """End it in one of the three ways."""
    endings = {Ending.PROMOTE: promote, Ending.ROLL_BACK: roll_back, Ending.STOP: stop}
    return endings[ending](session, experiment_id, actor, reasons)


def pin(session: Session, user_id: str, policy_id: str, actor: str) -> PolicyPin:
    """Pin a person to the current policy or to the one on trial."""
    exclude(session, Lock.PRIVILEGED)
    if session.get(User, user_id) is None:
        raise NotFound(f"User {user_id!r} not found.")
    served = _served(session, user_id)
    if policy_id not in served:
        raise Invalid(f"{policy_id} is not being served. Served: {', '.join(sorted(served))}.")
    row = session.get(PolicyPin, user_id) or PolicyPin(user_id=user_id, policy_id=policy_id)
    row.policy_id = policy_id
    session.add(row)
    audit.record(session, actor, "policy.pin", user_id, policy=policy_id)
    return row


def _served(session: Session, user_id: str) -> set[str]:
    """The policies that may answer a person: everyone's, and their team's."""
    row = session.get(Membership, user_id)
    found: set[str] = set()
    for team_id in {None, row.team_id if row else None}:
        trial, current = running(session, team_id), deployment.current(session, team_id)
        found |= {trial.policy_id} if trial else set()
        found |= {current.id} if current else set()
    return found


def unpin(session: Session, user_id: str, actor: str) -> None:
    """Let the hash decide again."""
    exclude(session, Lock.PRIVILEGED)
    row = session.get(PolicyPin, user_id)
    if row is None:
        raise NotFound(f"User {user_id!r} is not pinned to a policy.")
    session.delete(row)
    audit.record(session, actor, "policy.unpin", user_id)


def consented() -> Any:
    """The ids of the conversations that operators may read along, as a query."""
    return select(Conversation.id).where(Conversation.training)


def judge(
    session: Session,
    experiment_id: str,
    found: Mapping[str, AlwaysValid] | None = None,
    now: float | None = None,
) -> Experiment:
    """Look at what is known, keep it with the row, and act where a rule says so.

    Looking as often as one likes costs nothing: the intervals of rates hold at all times at once,
    and comparisons are looked at once a day. ``found`` is what ``measured`` gave, where that was
    done before the write transaction.
    """
    exclude(session, Lock.PRIVILEGED)
    experiment = _under_way(session, experiment_id)
    current = deployment.serving(session, experiment.team_id)
    if current is None or current.id != experiment.control_id:
        return _overtaken(session, experiment, current.id if current else "nothing")
    found = measured(session, experiment) if found is None else found
    rules = Rules(**experiment.rules)
    age = (time.time() if now is None else now) - experiment.created_at
    if outcomes.COMPARISONS in found:
        compared = found[outcomes.COMPARISONS]
        looks.take(experiment, compared, rules.alpha_of_comparisons, rules.days, age)
    found = known(experiment, found)
    experiment.verdict = {name: asdict(value) for name, value in found.items()}
    session.add(experiment)
    if not experiment.automatic or experiment.kind != ExperimentKind.CANARY:
        return experiment
    against, in_favour = _against(found, rules), _in_favour(found, rules)
    if against:
        return roll_back(session, experiment_id, "rules", against)
    if in_favour:
        return promote(session, experiment_id, "rules", in_favour)
    if age > rules.days * DAY:
        over = f"Undecided after {rules.days:g} days; an operator decides."
        return stop(session, experiment_id, "rules", [over])
    return experiment


def measured(session: Session, experiment: Experiment) -> dict[str, AlwaysValid]:
    """Everything that is watched, challenger minus control, as of now."""
    if experiment.kind == ExperimentKind.SHADOW:
        won = outcomes.scored_shadows(session, experiment)
        return {outcomes.SCORED: paired(won, Rules(**experiment.rules).alpha)}
    seen = outcomes.read(session, experiment)
    rules = Rules(**experiment.rules)
    found = {
        name: compare(seen.control[name], seen.challenger[name], rules.alpha_of_rates)
        for name in outcomes.RATES
    }
    compared = paired(seen.comparisons, rules.alpha_of_comparisons)
    return found | {outcomes.COMPARISONS: compared}


def known(experiment: Experiment, found: Mapping[str, AlwaysValid]) -> dict[str, AlwaysValid]:
    """What may be acted on: ``measured``, but the comparisons as of their last planned look."""
    if outcomes.COMPARISONS not in found:
        return dict(found)
    compared = looks.known(experiment, found[outcomes.COMPARISONS])
    return dict(found) | {outcomes.COMPARISONS: compared}


def _overtaken(session: Session, experiment: Experiment, current: str) -> Experiment:
    """Another policy became current in the meantime."""
    reasons = [f"{current} became the current policy, so the comparison ended."]
    if current == experiment.policy_id:
        _end(session, experiment, ExperimentState.PROMOTED, "rules", reasons)
        return experiment
    return stop(session, experiment.id, "rules", reasons)


def _against(found: Mapping[str, AlwaysValid], rules: Rules) -> list[str]:
    reasons = [
        f"{outcomes.NAMES[name]}: {_percent(found[name])}, certainly worse by more than "
        f"{rules.worse:.0%}."
        for name in outcomes.GUARDS
        if found[name].enough and found[name].low > rules.worse
    ]
    return reasons + [
        f"{outcomes.NAMES[name]}: {_percent(found[name])}, certainly worse."
        for name in outcomes.GOALS
        if found[name].enough and found[name].high < rules.liked
    ]


def _in_favour(found: Mapping[str, AlwaysValid], rules: Rules) -> list[str]:
    return [
        f"{outcomes.NAMES[name]}: {_percent(found[name])}, certainly better."
        for name in outcomes.GOALS
        if found[name].enough and found[name].low > rules.liked
    ]


def _percent(value: AlwaysValid) -> str:
    low, high = 100 * value.low, 100 * value.high
    return f"{100 * value.difference:+.0f} points [{low:+.0f}, {high:+.0f}]"


def _under_way(session: Session, experiment_id: str) -> Experiment:
    experiment = get(session, experiment_id)
    if experiment.state != ExperimentState.RUNNING:
        raise Conflict(f"{experiment_id} is already {experiment.state}.")
    return experiment


def _end(
    session: Session,
    experiment: Experiment,
    state: ExperimentState,
    actor: str,
    reasons: list[str],
) -> None:
    experiment.state, experiment.ended_at, experiment.reasons = state, time.time(), reasons
    session.add(experiment)
    audit.record(
        session, actor, f"experiment.{state}", experiment.id,
        policy=experiment.policy_id, reasons=reasons, verdict=experiment.verdict,
    )  # fmt: skip


def _set_state(session: Session, policy_id: str, state: PolicyState) -> None:
    version = session.get(PolicyVersion, policy_id)
    if version is not None and version.state != PolicyState.CURRENT:
        version.state = state
        session.add(version)


def _valid_share(share: float) -> float:
    if not 0 < share <= 1:
        raise Invalid(f"The share must be above 0 and at most 1, not {share:g}.", "share")
    return share


def as_rules(values: dict[str, Any]) -> Rules:
    """Rules from JSON; Invalid when one is unknown or no number."""
    try:
        return Rules(**{name: float(value) for name, value in values.items()})
    except (TypeError, ValueError) as error:
        known = ", ".join(asdict(Rules()))
        raise Invalid(f"The rules must be numbers with the names {known}.", "rules") from error
