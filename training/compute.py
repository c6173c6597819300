"""How a stage computes: on how many threads."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from transformers.utils import logging

from training import parallel
from training.config import IterationConfig
from tutelage.compute_threads import cores, free_cores


@contextmanager
def compute(config: IterationConfig) -> Iterator[None]:
    """Runs a stage on the configured number of threads, without transformers' progress bars.

    The ranks of a machine divide its cores. The number of threads changes the time and not the
    result.
    """
    before, bars = torch.get_num_threads(), logging.is_progress_bar_enabled()
    torch.set_num_threads(config.threads or _threads())
    logging.disable_progress_bar()
    try:
        yield
    finally:
        torch.set_num_threads(before)
        if bars:
            logging.enable_progress_bar()


def _threads() -> int:
    ranks = parallel.beside()
    return free_cores() if ranks == 1 else max(1, cores() // ranks)
