"""Policies of teams: current for their team alone, and deleted with it."""

from pathlib import Path

import pytest
from sqlmodel import select

from tutelage.chat import conversations
from tutelage.errors import Conflict
from tutelage.experiments import experiments, outcomes
from tutelage.feedback import feedback
from tutelage.iterations import iterations, schedule, starting_point
from tutelage.people import people, teams
from tutelage.people.team_deletion import delete_team
from tutelage.policies import deployment
from tutelage.policies.library import PolicyLibrary
from tutelage.store import Store
from tutelage.tables import FeedbackKind, Iteration, IterationState, PolicyVersion, Schedule

COMMON, FIRST, SECOND, THIRD = "policy-0000", "policy-0001", "policy-0002", "policy-0003"


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
        experiments.start(session, FIRST, "op")
        schedule.set_schedule(session, Schedule(author_id="op", feedback=9, team_id=team_id))
    for measured in (COMMON, FIRST, f"{FIRST}-bbq", SECOND):
        (tmp_path / f"{measured}.json").touch()
    with pytest.raises(Conflict, match="Cancel it first"):
        delete_team(any_store, library, folder, tmp_path, team_id, "op")
    with any_store.write() as session:
        session.get_one(Iteration, run.id).state = IterationState.CANCELLED
    assert delete_team(any_store, library, folder, tmp_path, team_id, "op") == [SECOND, FIRST]
    assert library.ids() == [COMMON] and library.next_id() == "policy-0003"
    assert [each.name for each in folder.iterdir()] == ["iteration-0099"]
    assert not [each for each in library.root.iterdir() if each.is_dir() and each.name != COMMON]
    with any_store.read() as session:
        assert list(session.exec(select(PolicyVersion.id))) == [COMMON]
        assert not experiments.listed(session) and not schedule.teams(session)
    assert [each.name for each in tmp_path.glob("*.json")] == ["policy-0000.json"]
    with any_store.read() as session:
        assert deployment.serving(session, team_id) == deployment.current(session)


def test_a_teams_trial_runs_beside_everyones_and_counts_its_chats_alone(
    any_store: Store, team_id: str
) -> None:
    with any_store.write() as session:
        deployment.register(session, THIRD, "0", COMMON)
        everyones = experiments.start(session, THIRD, "op", share=1.0)
        own = experiments.start(session, FIRST, "op", share=1.0)
        assert (own.team_id, own.control_id) == (team_id, COMMON)
        with pytest.raises(Conflict, match="already on trial"):
            experiments.start(session, SECOND, "op")
        assert experiments.routing(session).challenger == THIRD
        assert experiments.of_teams(session)[team_id].challenger == FIRST
        for team, policy_id in ((None, COMMON), (team_id, COMMON), (team_id, FIRST)):
            person = people.create_user(session, "Ada")
            chat = conversations.start(session, person.id, True)
            chat.team_id = team
            prompt = conversations.append(session, chat, None, "user", "Is it?")
            conversations.append(
                session, chat, prompt.id, "assistant", "Yes.",
                policy_id=policy_id, finish_reason="stop",
            )  # fmt: skip
    with any_store.read() as session:
        seen = outcomes.read(session, own)
        assert [arm[outcomes.FAILED].count for arm in (seen.control, seen.challenger)] == [1, 1]
        assert outcomes.read(session, everyones).control[outcomes.FAILED].count == 2
    with any_store.write() as session:
        experiments.promote(session, own.id, "op", ["Better."])
        assert deployment.of_teams(session) == {team_id: FIRST}
        assert experiments.running(session) is not None
        assert experiments.judge(session, everyones.id).ended_at is None
        deployment.rollback(session, "op", team_id)
        again = experiments.start(session, SECOND, "op")
        deployment.promote(session, THIRD, "op")
        assert "the comparison ended" in experiments.judge(session, again.id).reasons[0]


def test_a_teams_schedule_counts_and_tries_what_is_its_own(any_store: Store, team_id: str) -> None:
    with any_store.write() as session:
        plan = Schedule(author_id="op", feedback=1, team_id=team_id, build_on_undecided=True)
        schedule.set_schedule(session, plan)
        assert schedule.in_force(session) is None and schedule.teams(session) == [team_id]
        for team in (None, team_id):
            chat = conversations.start(session, people.create_user(session, "Ada").id, True)
            chat.team_id = team
            prompt = conversations.append(session, chat, None, "user", "Is it?")
            said = conversations.append(session, chat, prompt.id, "assistant", "Yes.")
            feedback.record(
                session, chat.owner_id, FeedbackKind.THUMBS, [said], {"value": "up"}, said.id
            )
        assert schedule.feedback_since(session, team_id) == 1
        assert schedule.due(session, 0.0, 0.0) is None
        key = schedule.due(session, 0.0, 0.0, team_id)
        assert key == f"feedback/{plan.id}/first"
        row = iterations.request(session, "smoke", COMMON, "key", "op", team_id=team_id)
        row.state, row.policy_id = IterationState.PROMOTED, FIRST
    with any_store.write() as session:
        assert schedule.start_canary(session) is None
        trial = experiments.get(session, schedule.start_canary(session, team_id) or "")
        assert (trial.policy_id, trial.team_id) == (FIRST, team_id)
        start = starting_point.of_next(session, plan, team_id)
        assert start == starting_point.StartingPoint(FIRST, COMMON)
        assert starting_point.undecided_trial(session, COMMON) is None
