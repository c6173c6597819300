import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from training.compute import compute
from training.config import IterationConfig
from training.model.tiny import write_tiny_policy
from tutelage import cli, compute_threads
from tutelage.compute_threads import free_cores


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not bind processes to cores")
def test_threads_are_as_many_as_the_cores_that_one_may_use(smoke: IterationConfig) -> None:
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        with compute(replace(smoke, threads=0)):
            assert torch.get_num_threads() == 1
    finally:
        os.sched_setaffinity(0, allowed)


@pytest.mark.parametrize(("load", "threads"), [(0.1, 4), (1.2, 3), (3.0, 1), (9.0, 1)])
def test_threads_leave_busy_cores_to_others(
    monkeypatch: pytest.MonkeyPatch, load: float, threads: int
) -> None:
    monkeypatch.setattr(compute_threads, "_own", 0)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(4)), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0))
    assert free_cores() == threads
    monkeypatch.setattr(os, "getloadavg", lambda: (load + threads, 0.0, 0.0))
    assert free_cores() == threads  # what we use ourselves is not somebody else's


def test_every_command_lets_compute_threads_sleep_while_they_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.setattr(sys, "argv", ["tutelage", "version"])
    with pytest.raises(SystemExit):
        cli.main()
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    monkeypatch.delenv("OMP_WAIT_POLICY")


def test_the_number_of_threads_does_not_change_the_result(tmp_path: Path) -> None:
    write_tiny_policy(tmp_path)
    gradients = []
    for threads in (1, 2, 3):
        with compute(replace(IterationConfig.load("smoke"), threads=threads)):
            model = AutoModelForCausalLM.from_pretrained(tmp_path)
            tokens = torch.arange(8 * 40).reshape(8, 40) % 90
            model(tokens, labels=tokens).loss.backward()
            gradients.append([p.grad for p in model.parameters()])
    for others in gradients[1:]:
        assert all(torch.equal(a, b) for a, b in zip(gradients[0], others, strict=True))
