"""How a stage computes: on how many threads."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from transformers.utils import logging

from training.config import IterationConfig


@contextmanager
def compute(config: IterationConfig) -> Iterator[None]:
    """Runs a stage on the configured number of threads, without transformers' progress bars."""
    before, bars = torch.get_num_threads(), logging.is_progress_bar_enabled()
    torch.set_num_threads(config.threads or _cores())
    logging.disable_progress_bar()
    try:
        yield
    finally:
        torch.set_num_threads(before)
        if bars:
            logging.enable_progress_bar()


def _cores() -> int:
    """As many as this process may use: more threads than that would wait for each other."""
    bound = getattr(os, "sched_getaffinity", None)  # Linux has it
    return len(bound(0)) if bound else os.cpu_count() or 1
