"""A tiny policy cut in two, for the tests of the model."""

from pathlib import Path

import pytest

from training.config import IterationConfig
from training.model.load import load_model
from training.model.split_model import SplitModel


@pytest.fixture
def model(tiny_policy: Path, smoke: IterationConfig) -> SplitModel:
    return load_model(tiny_policy, smoke)
