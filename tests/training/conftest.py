"""A tiny policy and the smoke settings, shared by the tests of the stages."""

from dataclasses import replace
from pathlib import Path

import pytest
from ppo_runs import write_reward_model

from training.config import IterationConfig
from training.model.tiny import write_tiny_policy


@pytest.fixture(scope="session")
def tiny_policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy directory that nobody may change."""
    path = tmp_path_factory.mktemp("tiny") / "policy"
    write_tiny_policy(path)
    return path


@pytest.fixture(scope="session")
def smoke() -> IterationConfig:
    """The smoke preset on one thread."""
    return replace(IterationConfig.load("smoke"), threads=1)


@pytest.fixture(scope="session")
def rewards(
    tiny_policy: Path, smoke: IterationConfig, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Two reward models, ``proxy`` and ``held_out``, that agree."""
    directory = tmp_path_factory.mktemp("rewards")
    for name in ("proxy", "held_out"):
        write_reward_model(tiny_policy, smoke, directory / name)
    return directory
