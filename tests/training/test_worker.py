"""The worker runs what is queued, takes over what died, and gives up in the end."""

import threading
import time
from collections.abc import Callable

import pytest

from training.runners.runner import InlineRunner
from training.worker import TRIES, Worker
from tutelage import iterations
from tutelage.store import Store
from tutelage.tables import Iteration, IterationState

ID = "iteration-0001"


@pytest.fixture
def queued(store: Store) -> Store:
    with store.write() as session:
        iterations.request(session, "smoke", "policy-0000", "key", "ada")
    return store


def row(store: Store) -> Iteration:
    with store.read() as session:
        return iterations.get(session, ID)


def finish(store: Store, state: IterationState = IterationState.PROMOTED) -> None:
    with store.write() as session:
        iterations.finish(session, iterations.lease(session, ID, "run"), state)


def work_until(worker: Worker, done: Callable[[], bool]) -> None:
    """Let the worker work in a thread until ``done``, then stop it."""
    thread = threading.Thread(target=worker.work)
    thread.start()
    until = time.monotonic() + 20
    while not done() and time.monotonic() < until:
        time.sleep(0.02)
    worker.stop()
    thread.join(20)
    assert not thread.is_alive()


def worker(store: Store, work: Callable[[str], object]) -> Worker:
    return Worker(store, InlineRunner(work), pause=0.01, poll=0.01)


def test_it_runs_what_is_queued(queued: Store) -> None:
    ran: list[str] = []

    def work(iteration_id: str) -> None:
        ran.append(iteration_id)
        finish(queued)

    work_until(worker(queued, work), lambda: row(queued).state == IterationState.PROMOTED)
    assert ran == [ID]


def test_it_leaves_alone_what_another_runs(queued: Store) -> None:
    with queued.write() as session:
        iterations.lease(session, ID, "another")
    assert worker(queued, lambda _: None).waiting() is None


def test_it_takes_over_when_the_lease_has_ended(queued: Store) -> None:
    with queued.write() as session:
        iterations.lease(session, ID, "another", now=time.time() - 3600)
    assert worker(queued, lambda _: None).waiting() == ID


def test_a_run_that_died_once_is_run_again(queued: Store) -> None:
    tries: list[str] = []

    def dies_once(iteration_id: str) -> None:
        tries.append(iteration_id)
        if len(tries) == 1:
            raise RuntimeError("killed")
        finish(queued)

    work_until(worker(queued, dies_once), lambda: row(queued).state == IterationState.PROMOTED)
    assert len(tries) == 2


def test_it_gives_up_after_some_deaths_and_says_so(queued: Store) -> None:
    tries: list[str] = []

    def dies(iteration_id: str) -> None:
        tries.append(iteration_id)
        raise RuntimeError("killed")

    work_until(worker(queued, dies), lambda: row(queued).state == IterationState.FAILED)
    assert len(tries) == TRIES
    assert "stopped 3 times" in row(queued).reasons[0]


def test_stopping_asks_the_run_under_way_to_end(queued: Store) -> None:
    runner = InlineRunner(lambda _: None)
    work_until(Worker(queued, runner, pause=0.01, poll=0.01), lambda: True)
    until = time.monotonic() + 5
    while not runner.stopped and time.monotonic() < until:
        time.sleep(0.01)
    assert runner.stopped
