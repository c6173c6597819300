"""What the next iteration trains from, and what becomes of the challenger's trial."""

import time
from pathlib import Path

import pytest
from sqlmodel import Session

from tutelage.composition import open_core
from tutelage.experiments import experiments
from tutelage.experiments.looks import DAY
from tutelage.iterations import iterations, schedule, starting_point
from tutelage.iterations.starting_point import StartingPoint
from tutelage.maintenance import retention
from tutelage.policies import deployment
from tutelage.settings import Settings
from tutelage.store import Store
from tutelage.tables import Erasure, Experiment, ExperimentState, IterationState, Schedule

CURRENT, CHALLENGER = "policy-0000", "policy-0001"
UNCHANGED = StartingPoint(CURRENT, CURRENT)


def on_trial(session: Session, wanted: bool = True, automatic: bool = True) -> Experiment:
    """The challenger in a canary beside the current policy, under a schedule."""
    for name in (CURRENT, CHALLENGER):
        deployment.register(session, name, "0" * 64)
    deployment.promote(session, CURRENT, "ada")
    plan = Schedule(author_id="ada", feedback=1, cron="* * * * *", build_on_undecided=wanted)
    schedule.set_schedule(session, plan)
    return experiments.start(session, CHALLENGER, "ada", automatic=automatic)


def start(session: Session) -> StartingPoint | None:
    return starting_point.of_next(session, schedule.in_force(session))


def test_an_undecided_challenger_is_trained_from_and_its_trial_ends(any_store: Store) -> None:
    with any_store.write() as session:
        trial = on_trial(session)
        assert start(session) == StartingPoint(CHALLENGER, CURRENT)
        row = iterations.request(session, "smoke", CHALLENGER, "key", "ada", CURRENT)
        assert (row.parent_policy_id, row.baseline_policy_id) == (CHALLENGER, CURRENT)
        assert trial.state == ExperimentState.STOPPED
        assert trial.reasons == ["Undecided; iteration-0001 trains from policy-0001."]


def test_it_is_still_the_parent_after_its_trial_stopped_undecided(store: Store) -> None:
    with store.write() as session:
        experiments.stop(session, on_trial(session).id, "rules", ["Undecided after 14 days."])
        assert start(session) == StartingPoint(CHALLENGER, CURRENT)


def test_only_where_the_schedule_says_so(store: Store) -> None:
    with store.write() as session:
        trial = on_trial(session, wanted=False)
        assert start(session) == UNCHANGED
        iterations.request(session, "smoke", CURRENT, "key", "ada")
        assert trial.state == ExperimentState.RUNNING


def test_one_that_users_or_an_operator_decided_about_is_not(store: Store) -> None:
    with store.write() as session:
        experiments.roll_back(session, on_trial(session).id, "rules", ["Worse."])
        assert start(session) == UNCHANGED


def test_a_trial_that_an_operator_decides_is_left_alone(store: Store) -> None:
    with store.write() as session:
        on_trial(session, automatic=False)
        assert start(session) == UNCHANGED


def test_one_that_learned_from_what_was_erased_is_not(store: Store) -> None:
    with store.write() as session:
        on_trial(session)
        session.add(Erasure(subject="user_1", conversations=[], feedback=[], policies=[CHALLENGER]))
        assert start(session) == UNCHANGED


@pytest.mark.parametrize(("wanted", "days", "due"), [(True, 0.5, False), (True, 2, True),
                                                     (False, 2, False)])  # fmt: skip
def test_a_trial_of_a_day_no_longer_holds_up_the_schedule(
    store: Store, wanted: bool, days: float, due: bool
) -> None:
    with store.write() as session:
        trial = on_trial(session, wanted)
        now = time.time()
        trial.created_at = now - days * DAY
        assert (schedule.due(session, now + 120, now) is not None) == due


def test_a_candidate_of_a_challenger_goes_on_trial_beside_the_current_policy(store: Store) -> None:
    with store.write() as session:
        on_trial(session)
        row = iterations.request(session, "smoke", CHALLENGER, "key", "ada", CURRENT)
        row.policy_id = "policy-0002"
        deployment.register(session, "policy-0002", "0" * 64)
        lease = iterations.lease(session, row.id, "w")
        iterations.finish(session, lease, IterationState.PROMOTED)
        assert schedule.start_canary(session) is not None
        trial = experiments.running(session)
        assert trial and (trial.policy_id, trial.control_id) == ("policy-0002", CURRENT)


def test_the_weights_of_parent_and_baseline_stay(tmp_path: Path) -> None:
    core = open_core(Settings(data=tmp_path))
    for name in (CHALLENGER, "policy-0002", "policy-0003", CURRENT):
        core.library.publish(
            name, lambda folder: (folder / "model.safetensors").write_bytes(b"w") and None, {}
        )
    with core.store.write() as session:
        experiments.stop(session, on_trial(session).id, "rules", [])
    assert retention.sweep(core, keep=0) == ["policy-0003", "policy-0002"]
