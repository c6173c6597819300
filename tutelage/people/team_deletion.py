"""The deletion of a team with what it taught: policies, snapshots and iterations, exactly."""

import shutil
from pathlib import Path

from sqlmodel import col, select

from tutelage.errors import Conflict
from tutelage.iterations.iterations import UNFINISHED
from tutelage.people import teams
from tutelage.policies.library import PolicyLibrary
from tutelage.store import Lock, Store, exclude
from tutelage.tables import Iteration, PolicyVersion


def delete_team(
    store: Store, library: PolicyLibrary, iterations: Path, team_id: str, actor: str
) -> list[str]:
    """Delete a team, its policies and the folders of its iterations; the ids of the policies.

    Its members keep their chats, and the common policy answers them. The files go before the
    rows: what a crash interrupts is ended by the same call again. ``iterations`` holds one folder
    per iteration. Raises Conflict while one of the team is under way.
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
        for run in runs:
            shutil.rmtree(iterations / run.id, ignore_errors=True)
        for version in versions:
            session.delete(version)
        teams.delete(session, team.id, actor, policies)
    return policies
