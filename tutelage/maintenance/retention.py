"""Disk space: the weights of old policies go, their papers stay for good.

Kept are the policies in use (current, on trial, pinned, read by an iteration), the one that a
rollback would return to, the newest ``keep`` others, and what any of these is an adapter over. Of
the rest only the weights are removed: manifest, card and tokenizer stay, so every lineage can still
be read and every other file still be verified.
"""

from sqlmodel import Session, col, select

from tutelage import audit
from tutelage.artifacts import iterations as copies
from tutelage.composition import Core
from tutelage.experiments import experiments
from tutelage.iteration_folder import IterationFolder
from tutelage.iterations import iterations, schedule, starting_point
from tutelage.tables import Iteration, IterationState, PolicyPin, PolicyState, PolicyVersion

ENDED = (IterationState.FAILED, IterationState.CANCELLED)


def sweep(core: Core, keep: int) -> list[str]:
    """Remove what is not needed; the ids of the policies whose weights went."""
    with core.store.write() as session:
        spared = _in_use(session)
        others = [p for p in reversed(core.library.ids()) if p not in spared]
        old = []
        for policy_id in others[keep:]:
            if not core.library.has_weights(policy_id) or core.library.adapters_over(policy_id):
                continue
            core.library.delete_weights(policy_id)
            old.append(policy_id)
            audit.record(session, "retention", "policy.shed", policy_id, keep=keep)
        _forget_leftovers(core, session)
    return old


def _in_use(session: Session) -> set[str]:
    """Policies that answer, might, or are the way back."""
    used = {pin.policy_id for pin in session.exec(select(PolicyPin))}
    for experiment in experiments.all_running(session):
        used |= {experiment.policy_id, experiment.control_id}
    answering = select(PolicyVersion.id).where(PolicyVersion.state == PolicyState.CURRENT)
    used |= set(session.exec(answering))  # those of teams too
    training = iterations.unfinished(session)
    used |= {training.parent_policy_id, training.baseline_policy_id} if training else set()
    for team_id in (None, *schedule.teams(session)):
        start = starting_point.of_next(session, schedule.in_force(session, team_id), team_id)
        used |= {start.parent} if start else set()
    retired = select(PolicyVersion).where(PolicyVersion.state == PolicyState.RETIRED)
    oldest_first = sorted(session.exec(retired), key=lambda v: v.promoted_at or 0.0)
    back = {version.team_id: version.id for version in oldest_first}  # the newest of each team
    return used | set(back.values())


def _forget_leftovers(core: Core, session: Session) -> None:
    """Weights that iterations left which will never be taken up again.

    The ladder stays as long as its candidate's weights: people may choose among its rungs.
    """
    whole = {policy_id for policy_id in core.library.ids() if core.library.has_weights(policy_id)}
    root = core.iterations
    for iteration in session.exec(select(Iteration).where(col(Iteration.finished_at).is_not(None))):
        folder = IterationFolder(root / iteration.id)
        large = [*folder.weights] if iteration.state in ENDED else []
        if iteration.policy_id not in whole:
            large.append(folder.ladder)
        copies.forget(folder, large, core.storage)
