"""The heartbeat keeps the lease, shows progress, and stops work once the lease is lost."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest
from sqlmodel import Session

from training.iteration import heartbeat as module
from training.iteration.heartbeat import Heartbeat, Pace
from tutelage.errors import Conflict
from tutelage.iterations import iterations
from tutelage.iterations.iterations import Lease
from tutelage.store import Store
from tutelage.tables import Iteration


@pytest.fixture
def lease(store: Store) -> Lease:
    with store.write() as session:
        iterations.request(session, "smoke", "policy-0000", "key", "ada")
        return iterations.lease(session, "iteration-0001", "one")


def row(store: Store) -> Iteration:
    with store.read() as session:
        return iterations.get(session, "iteration-0001")


def waiting(seconds: float = 10.0) -> Iterator[None]:
    """Short pauses until the time is over."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        yield
        time.sleep(0.05)


def test_progress_reaches_the_row_with_the_time_left(store: Store, lease: Lease) -> None:
    with Heartbeat(store, lease) as heartbeat:
        heartbeat.progress("ppo", 1, 4, {})
        time.sleep(0.02)
        heartbeat.progress("ppo", 2, 4, {})
        for _ in waiting():
            if row(store).progress:
                break
    progress = row(store).progress
    assert (progress["stage"], progress["done"], progress["total"]) == ("ppo", 2, 4)
    assert progress["eta_seconds"] >= 0


def test_whoever_watches_is_told_every_step(store: Store, lease: Lease) -> None:
    seen = []
    with Heartbeat(store, lease, lambda *step: seen.append(step)) as heartbeat:
        heartbeat.progress("sft", 1, 2, {"loss": 1.0})
    assert seen == [("sft", 1, 2, {"loss": 1.0})]


def test_a_lost_lease_stops_the_work(store: Store, lease: Lease) -> None:
    with Heartbeat(store, lease) as heartbeat:
        with store.write() as session:
            iterations.cancel(session, "iteration-0001", "ada")
        with pytest.raises(Conflict, match="cancelled"):
            for step, _ in enumerate(waiting()):
                heartbeat.progress("ppo", step, 10_000, {})


def test_a_database_that_is_away_for_a_while_costs_nothing(
    store: Store, lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, away = store.write, iter([True] * 3)

    def flaky() -> AbstractContextManager[Session]:
        if next(away, False):
            raise OSError("the database is away")
        return write()

    monkeypatch.setattr(module, "SHOW_SECONDS", 0.05)
    monkeypatch.setattr(store, "write", flaky)
    with Heartbeat(store, lease) as heartbeat:
        heartbeat.progress("ppo", 3, 4, {})
        for _ in waiting():
            if row(store).progress:
                break
        heartbeat.check()
    assert row(store).progress["done"] == 3


def test_a_stage_is_shown_before_its_first_step(store: Store, lease: Lease) -> None:
    with Heartbeat(store, lease) as heartbeat:
        heartbeat.begin("ppo")
        for _ in waiting():
            if row(store).progress:
                break
    progress = row(store).progress
    assert (progress["stage"], progress["done"], progress["eta_seconds"]) == ("ppo", 0, None)
    assert time.time() - progress["updated_at"] < 60


def test_a_part_of_a_stage_is_named(store: Store, lease: Lease) -> None:
    with Heartbeat(store, lease) as heartbeat:
        heartbeat.part(2, 2)("reward_model", 1, 3, {})
        for _ in waiting():
            if row(store).progress:
                break
    assert (row(store).progress["part"], row(store).progress["parts"]) == (2, 2)


def test_a_lease_that_went_to_another_is_noticed_before_anything_is_written(
    store: Store, lease: Lease
) -> None:
    with Heartbeat(store, lease) as heartbeat:
        heartbeat.confirm()
        with store.write() as session:
            later = time.time() + iterations.LEASE_SECONDS + 1
            iterations.lease(session, "iteration-0001", "two", later)
        with pytest.raises(Conflict, match="worker two"):
            heartbeat.confirm()


USUAL = {"sft": 10.0, "reward_model": 20.0, "ppo": 40.0, "evaluation": 30.0}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, in its only element."""
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_time_left_counts_from_where_this_process_began(clock: list[float]) -> None:
    pace = Pace(USUAL)
    assert pace.left("ppo", 5, 10) == (None, None)
    clock[0] += 3
    assert pace.left("ppo", 6, 10) == (12.0, 12.0 + 30 * 30 / 40)


def test_time_left_counts_a_stage_from_its_beginning(clock: list[float]) -> None:
    pace = Pace(USUAL)
    pace.enter("ppo")
    clock[0] += 8
    assert pace.left("ppo", 1, 5) == (32.0, 32.0 + 30 * 40 / 40)
    pace.enter("ppo")
    assert pace.left("ppo", 4, 5) == (None, None)  # resumed


def test_time_left_counts_the_other_parts_of_a_stage(clock: list[float]) -> None:
    pace = Pace(USUAL)
    pace.enter("reward_model")
    clock[0] += 2
    assert pace.left("reward_model", 1, 5, 1, 2) == (8.0 + 10.0, 18.0 + 70.0 * 20 / 20)
    assert pace.left("reward_model", 1, 4, 2, 2) == (None, None)


def test_an_iteration_without_expectations_has_no_time_left(clock: list[float]) -> None:
    pace = Pace({})
    pace.enter("ppo")
    clock[0] += 2
    assert pace.left("ppo", 1, 2) == (2.0, None)
