import os
import sys
from dataclasses import replace

import pytest
import torch

from training.compute import compute
from training.config import IterationConfig


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not bind processes to cores")
def test_threads_are_as_many_as_the_cores_that_one_may_use(smoke: IterationConfig) -> None:
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        with compute(replace(smoke, threads=0)):
            assert torch.get_num_threads() == 1
    finally:
        os.sched_setaffinity(0, allowed)
