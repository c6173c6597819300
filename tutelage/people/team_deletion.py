"""The deletion of a team with what it taught: policies, snapshots and iterations, exactly."""

from pathlib import Path

from sqlalchemy import delete
from sqlmodel import col, select

from tutelage.artifacts import iterations as copies
from tutelage.artifacts.object_storage import ObjectStorage
from tutelage.errors import Conflict
from tutelage.iteration_folder import IterationFolder
from tutelage.iterations.iterations import UNFINISHED
from tutelage.people import teams
from tutelage.policies.library import PolicyLibrary
from tutelage.store import Lock, Store, exclude
from tutelage.tables import Experiment, Iteration, PolicyVersion, Schedule, ShadowResponse


def delete_team(
    store: Store,
    library: PolicyLibrary,
    iterations: Path,
    limitations: Path,
    team_id: str,
    actor: str,
    storage: ObjectStorage | None = None,
) -> list[str]:
    """Delete a team, its policies and the folders of its iterations; the ids of the policies.

    Its members keep their chats, and the common policy answers them. The files go before the
    rows: what a crash interrupts is ended by the same call again. ``iterations`` holds one folder
    per iteration, ``limitations`` the results of benchmarks by policy, and ``storage`` what other
    machines see of the iterations. Raises Conflict while one of the team is under way.
    """
    with store.write() as session:
        exclude(session, Lock.PRIVILEGED)
        team = teams.get(session, team_id)
        runs = list(session.exec(select(Iteration).where(Iteration.team_id == team.id)))
        if busy := [run.id for run in runs if run.state in UNFINISHED]:
            raise Conflict(f"{busy[0]} trains a policy of {team.name}. Cancel it first.")
        own = select(PolicyVersion).where(PolicyVersion.team_id == team.id)
        versions = list(session.exec(own.order_by(col(PolicyVersion.id).desc())))
        policies = [version.id for version in versions]
        for policy_id in policies:  # newest first: a policy goes before the one that it changes
            library.delete(policy_id)
            for measured in limitations.glob(f"{policy_id}[.-]*"):
                measured.unlink(missing_ok=True)
        for run in runs:
            copies.delete(IterationFolder(iterations / run.id), storage)
        shadows = col(ShadowResponse.policy_id).in_(policies)
        session.execute(delete(ShadowResponse).where(shadows))
        for table in (Experiment, Schedule, PolicyVersion):
            session.execute(delete(table).where(col(table.team_id) == team.id))
        teams.delete(session, team.id, actor, policies)
    return policies
