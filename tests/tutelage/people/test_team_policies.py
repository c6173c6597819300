"""Policies of teams: current for their team alone, and deleted with it."""

from pathlib import Path

import pytest
from sqlmodel import select

from tutelage.errors import Conflict
from tutelage.iterations import iterations, starting_point
from tutelage.people import teams
from tutelage.people.team_deletion import delete_team
from tutelage.policies import deployment
from tutelage.policies.library import PolicyLibrary
from tutelage.store import Store
from tutelage.tables import Iteration, IterationState, PolicyVersion

COMMON, FIRST, SECOND = "policy-0000", "policy-0001", "policy-0002"


@pytest.fixture
def team_id(any_store: Store) -> str:
    """A team with two candidates beside the common current policy."""
    with any_store.write() as session:
        team = teams.create(session, "One", "op").id
        deployment.register(session, COMMON, "0")
        deployment.promote(session, COMMON, "op")
        for policy_id in (FIRST, SECOND):
            deployment.register(session, policy_id, "0", COMMON, team_id=team)
    return team


def test_a_teams_policy_is_promoted_and_rolled_back_for_it_alone(
    any_store: Store, team_id: str
) -> None:
    def answering() -> list[str]:
        asked = (deployment.serving(session, each) for each in (None, team_id, "another"))
        return [version.id for version in asked if version]

    with any_store.write() as session:
        assert answering() == [COMMON, COMMON, COMMON]
        assert deployment.newest_candidate(session) is None
        deployment.promote(session, FIRST, "op")
        assert answering() == [COMMON, FIRST, COMMON]
        deployment.promote(session, SECOND, "op")
        assert deployment.of_teams(session) == {team_id: SECOND}
        deployment.rollback(session, "op", team_id)
        assert answering() == [COMMON, FIRST, COMMON]
        deployment.rollback(session, "op", team_id)
        assert answering() == [COMMON, COMMON, COMMON]
        with pytest.raises(Conflict, match="roll back to"):
            deployment.rollback(session, "op", team_id)


def test_no_common_policy_descends_from_a_teams(any_store: Store, team_id: str) -> None:
    with any_store.write() as session:
        deployment.promote(session, FIRST, "op")
        for team, parent in ((None, COMMON), ("another", COMMON), (team_id, FIRST)):
            start = starting_point.of_next(session, None, team)
            assert start == starting_point.StartingPoint(parent, parent)
        for team in (None, "another"):
            with pytest.raises(Conflict, match="belongs to a team"):
                iterations.request(session, "smoke", FIRST, f"key {team}", "op", team_id=team)
        row = iterations.request(session, "smoke", FIRST, "key", "op", team_id=team_id)
        assert row.team_id == team_id


def test_a_deleted_team_leaves_nothing_of_what_it_taught(
    any_store: Store, team_id: str, tmp_path: Path
) -> None:
    library, folder = PolicyLibrary(tmp_path / "policies"), tmp_path / "iterations"
    for policy_id in (COMMON, FIRST, SECOND):
        library.publish(policy_id, lambda into: (into / "card.md").touch() or None, {})
    with any_store.write() as session:
        run = iterations.request(session, "smoke", COMMON, "key", "op", team_id=team_id)
        for name in (run.id, "iteration-0099"):
            (folder / name / "snapshot").mkdir(parents=True)
        deployment.promote(session, SECOND, "op")
    with pytest.raises(Conflict, match="Cancel it first"):
        delete_team(any_store, library, folder, team_id, "op")
    with any_store.write() as session:
        session.get_one(Iteration, run.id).state = IterationState.CANCELLED
    assert delete_team(any_store, library, folder, team_id, "op") == [SECOND, FIRST]
    assert library.ids() == [COMMON] and library.next_id() == "policy-0003"
    assert [each.name for each in folder.iterdir()] == ["iteration-0099"]
    assert not [each for each in library.root.iterdir() if each.is_dir() and each.name != COMMON]
    with any_store.read() as session:
        assert list(session.exec(select(PolicyVersion.id))) == [COMMON]
        assert deployment.serving(session, team_id) == deployment.current(session)
