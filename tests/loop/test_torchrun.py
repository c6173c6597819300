"""An iteration in two processes that compute together, one of which is killed on the way."""

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from loop_folder import ITERATION, row

from training.iteration.run import request_iteration
from training.jobs.runners.chosen import chosen_runner
from training.jobs.runners.torchrun import TorchrunRunner
from tutelage import jsonl
from tutelage.composition import Core
from tutelage.tables import IterationState

pytestmark = pytest.mark.loop
CLOSE = 1e-3  # scores of a reward model whose weights are within 1e-4


def ranks_of(runner: TorchrunRunner) -> list[int]:
    """The processes that torchrun runs at the moment, by rank."""
    agent = runner._process
    assert agent is not None
    children = Path(f"/proc/{agent.pid}/task/{agent.pid}/children")
    found = {}
    for pid in map(int, children.read_text().split()):
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        ranks = [each[5:] for each in variables if each.startswith(b"RANK=")]
        found |= {int(rank): pid for rank in ranks}
    return [found[rank] for rank in sorted(found)]


def wait_for(condition: Callable[[], object], seconds: float = 600.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_killed_rank_is_replaced_and_the_result_is_that_of_one_process(
    core: Core, uninterrupted: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    request_iteration(core, "smoke", "ada")
    runner = chosen_runner(core.settings.model_copy(update={"runner": "torchrun"}))
    assert isinstance(runner, TorchrunRunner)
    ended: list[bool] = []
    run = threading.Thread(target=lambda: ended.append(runner.run(ITERATION)), daemon=True)
    run.start()
    rewards = core.iteration(ITERATION).proxy
    wait_for(rewards.is_dir)
    _, other = ranks_of(runner)
    os.kill(other, signal.SIGKILL)
    run.join(600)
    assert ended == [False] and row(core).lease_owner is None
    assert runner.run(ITERATION)  # as the worker does after a while
    found, expected = row(core), row(uninterrupted)
    assert found.state == expected.state == IterationState.PROMOTED
    assert found.reasons == expected.reasons
    for name in ("gain", "win_rate", "kl"):
        assert found.metrics[name] == pytest.approx(expected.metrics[name], abs=CLOSE), name
    rungs, expected_rungs = (
        [(rung["update"], rung["scale"], rung["heldout/score"]) for rung in jsonl.read(each.rungs)]
        for each in (core.iteration(ITERATION), uninterrupted.iteration(ITERATION))
    )
    assert rungs == [pytest.approx(rung, abs=CLOSE) for rung in expected_rungs]
    assert core.library.verify("policy-0001") == []


def test_a_stopped_run_gives_its_job_back(core: Core) -> None:
    request_iteration(core, "smoke", "ada")
    runner = TorchrunRunner(core.settings)
    run = threading.Thread(target=runner.run, args=[ITERATION])
    run.start()
    wait_for(lambda: row(core).state == IterationState.RUNNING)
    runner.stop()
    run.join(300)
    assert not run.is_alive()
    if row(core).state == IterationState.RUNNING:  # it may have been at its end already
        assert row(core).lease_owner is None
