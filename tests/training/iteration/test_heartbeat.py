"""The heartbeat keeps the lease, shows progress, and stops work once the lease is lost."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest
from sqlmodel import Session

from training.iteration import heartbeat as module
from training.iteration.heartbeat import Heartbeat
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


def test_time_left_counts_from_where_this_process_began() -> None:
    pace = module._Pace()
    assert pace.eta_seconds("ppo", 5, 10) is None
    time.sleep(0.05)
    left = pace.eta_seconds("ppo", 6, 10)
    assert left is not None
    assert 0.1 <= left < 5
