"""The whole battery on a published policy, kept under ``DATA/limitations``."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from training.config import IterationConfig
from training.limitations.battery import Advance, as_json, read_all
from training.limitations.speaker import PolicySpeaker
from training.models import compute
from tutelage.composition import Core
from tutelage.policies import write_atomically


def measure_policy(core: Core, policy_id: str, count: int, advance: Advance) -> dict[str, Any]:
    """Read every dial, ``count`` items of each kind (0: all), and keep the readings."""
    directory = core.library.path(policy_id)
    config = IterationConfig()
    with compute(config):
        speaker = PolicySpeaker(directory, _fitting(directory, config))
        readings = as_json(read_all(speaker, count, advance))
    readings["manifest_sha256"] = core.library.manifest_sha256(policy_id)
    folder = core.settings.data / "limitations"
    folder.mkdir(exist_ok=True)
    write_atomically(folder / f"{policy_id}.json", json.dumps(readings, indent=2) + "\n")
    return readings


def _fitting(directory: Path, config: IterationConfig) -> IterationConfig:
    """The settings with a split that the policy has layers for; it changes no result."""
    layers = json.loads((directory / "config.json").read_text("utf-8"))["num_hidden_layers"]
    return replace(config, top_layers=min(config.top_layers, layers - 1))
