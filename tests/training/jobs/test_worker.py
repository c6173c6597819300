"""The worker runs what is queued, takes over what died, and gives up in the end."""

import threading
import time
from collections.abc import Callable

import pytest

from training.jobs.runners.runner import InlineRunner
from training.jobs.worker import TRIES, Worker
from tutelage.iterations import iterations
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
    assert "died 3 times" in row(queued).reasons[0]


def test_stopping_asks_the_run_under_way_to_end(queued: Store) -> None:
    runner = InlineRunner(lambda _: None)
    work_until(Worker(queued, runner, pause=0.01, poll=0.01), lambda: True)
    until = time.monotonic() + 5
    while not runner.stopped and time.monotonic() < until:
        time.sleep(0.01)
    assert runner.stopped


def test_two_workers_never_run_one_iteration_at_once(queued: Store) -> None:
    running, most, ran = threading.Semaphore(1), [], []

    def work(iteration_id: str) -> None:
        with queued.write() as session:
            held = iterations.lease(session, iteration_id, threading.current_thread().name)
        most.append(running.acquire(blocking=False))
        time.sleep(0.1)
        running.release()
        ran.append(held)
        with queued.write() as session:
            iterations.finish(session, held, IterationState.PROMOTED)

    other = worker(queued, work)
    thread = threading.Thread(target=other.work)
    thread.start()
    work_until(worker(queued, work), lambda: row(queued).state == IterationState.PROMOTED)
    other.stop()
    thread.join(20)
    assert most and all(most) and len(ran) == 1


def test_a_death_waits_its_time_also_for_another_worker(queued: Store) -> None:
    def dies(iteration_id: str) -> None:
        raise RuntimeError("killed")

    Worker(queued, InlineRunner(dies), pause=60.0).run(ID)
    assert row(queued).attempts == 1
    assert worker(queued, dies).waiting() is None


def test_a_clock_put_back_does_not_hold_a_retry_up(queued: Store) -> None:
    with queued.write() as session:
        iteration = iterations.get(session, ID)
        iteration.retry_at = time.time() + 90 * 86400
        session.add(iteration)
    assert worker(queued, lambda _: None).waiting() == ID


def test_a_database_that_is_away_is_waited_for(queued: Store) -> None:
    away = iter([True] * 5)
    ran: list[str] = []

    class Flaky:
        """The store, which at first cannot be reached."""

        write = staticmethod(queued.write)

        def read(self):
            if next(away, False):
                raise OSError("the database is away")
            return queued.read()

    def work(iteration_id: str) -> None:
        ran.append(iteration_id)
        finish(queued)

    flaky = Worker(Flaky(), InlineRunner(work), pause=0.01, poll=0.01)  # type: ignore[arg-type]
    work_until(flaky, lambda: row(queued).state == IterationState.PROMOTED)
    assert ran == [ID]


def test_chores_that_fail_do_not_stop_the_work(queued: Store) -> None:
    def broken() -> None:
        raise RuntimeError("the webhook is on fire")

    busy = Worker(
        queued, InlineRunner(lambda _: finish(queued)), pause=0.01, poll=0.01, maintenance=broken
    )
    work_until(busy, lambda: row(queued).state == IterationState.PROMOTED)
    assert row(queued).state == IterationState.PROMOTED
