"""The worker with real processes: it finishes what is queued, and gives back what it must leave.

That it ends with its service, also with one that is killed, is seen where services are started:
their output is read to the end of a pipe that the worker holds as well.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from loop_folder import ITERATION, digest, row

from training.iteration.run import request_iteration, run_iteration
from training.jobs.runners import local
from training.jobs.runners.local import LocalRunner
from training.jobs.worker import Worker
from tutelage.composition import Core
from tutelage.tables import IterationState

pytestmark = pytest.mark.loop


@pytest.fixture
def worker(core: Core) -> Iterator[Worker]:
    """A worker that works in a thread on a queued iteration; stopped at the end."""
    request_iteration(core, "smoke", "ada")
    worker = Worker(core.store, LocalRunner(core.settings))
    thread = threading.Thread(target=worker.work, name="working")
    thread.start()
    yield worker
    worker.stop()
    thread.join(60)
    assert not thread.is_alive()


def wait_for(condition: Callable[[], bool], seconds: float = 600.0) -> None:
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.05)


def is_working() -> bool:
    return any(thread.name == "working" for thread in threading.enumerate())


def test_a_queued_iteration_is_run_to_its_end(core: Core, worker: Worker) -> None:
    wait_for(lambda: row(core).state not in (IterationState.QUEUED, IterationState.RUNNING))
    assert row(core).state == IterationState.PROMOTED
    assert core.library.verify("policy-0001") == []


def test_a_stopped_worker_gives_its_job_back(
    core: Core, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "STOP_SECONDS", 600.0)  # a slow machine is no reason to kill
    wait_for(lambda: row(core).state == IterationState.RUNNING)
    worker.stop()
    wait_for(lambda: not is_working())
    if row(core).state == IterationState.RUNNING:  # it may have been at its end already
        assert row(core).lease_owner is None
        assert run_iteration(core, ITERATION).policy_id == "policy-0001"


@contextmanager
def service(core: Core, ready: bool = True) -> Iterator[subprocess.Popen[bytes]]:
    """``tutelage up``, once it answers or at once; killed in the end, if it has not been."""
    command = [sys.executable, "-m", "tutelage", "up", "--port", "0"]
    command += ["--data", str(core.settings.data)]
    environment = os.environ | {"TUTELAGE_MODERATION": "off"}  # as in the folder's other runs
    up = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert up.stdout is not None
    assert not ready or any(b"Operator" in line for line in up.stdout)
    try:
        yield up
    finally:
        up.kill()
        up.communicate(timeout=60)  # to the end of the pipe, which the worker holds as well


def test_a_run_ends_when_its_worker_is_killed(core: Core) -> None:
    request_iteration(core, "smoke", "ada")
    command = [sys.executable, "-m", "tutelage", "worker", "--data", str(core.settings.data)]
    environment = os.environ | {"TUTELAGE_MODERATION": "off"}
    worker = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=-2)
    wait_for(lambda: row(core).lease_owner is not None)
    worker.kill()
    worker.communicate(timeout=60)  # to the end of the pipe, which the run holds as well
    assert row(core).state == IterationState.RUNNING and row(core).lease_owner is None


def test_a_service_that_is_killed_in_mid_iteration_carries_on_with_it(
    core: Core, uninterrupted: Core
) -> None:
    request_iteration(core, "smoke", "ada")
    rewards = core.iterations / ITERATION / "reward_model" / "complete.json"
    with service(core, ready=False):  # the worker begins while the policy is loaded
        wait_for(rewards.is_file)
    assert row(core).state == IterationState.RUNNING
    learned = rewards.read_bytes()
    with service(core):
        wait_for(lambda: row(core).state != IterationState.RUNNING)
    assert rewards.read_bytes() == learned  # what was complete was not done again
    assert digest(core) == digest(uninterrupted)
