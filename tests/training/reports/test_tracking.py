"""Curves reach the trackers under their own names, and a tracker that fails stops nothing."""

import json
import logging
from pathlib import Path

import pytest

from training.reports import tracking
from tutelage.iteration_folder import IterationFolder
from tutelage.settings import Settings

PPO = [
    {"update": 0, "objective/scores": -0.5, "objective/kl": 0.25},
    {"update": 1, "objective/scores": 0.5, "objective/kl": 0.5, "note": "text"},
]
MODELS = [{"model": "proxy", "accuracy": 0.75}, {"model": "held_out", "accuracy": 0.5}]


@pytest.fixture
def folder(tmp_path: Path) -> IterationFolder:
    found = IterationFolder(tmp_path / "iterations" / "iteration-0001")
    for stage, rows in (("ppo", PPO), ("reward_model", MODELS)):
        found.stage(stage).mkdir(parents=True)
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        found.metrics(stage).write_text(lines)
    return found


def test_tensorboard_reads_the_curves_back(folder: IterationFolder, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    settings = Settings(data=tmp_path, trackers="tensorboard")
    for stage in ("sft", "reward_model", "ppo"):
        tracking.track_stage(settings, folder, stage)
    written = tmp_path / tracking.FOLDER / folder.id
    found: dict[str, list[tuple[int, float]]] = {}
    for file in written.glob("events.*"):
        events = EventAccumulator(str(file)).Reload()
        for tag in events.Tags()["scalars"]:
            found[tag] = [(each.step, each.value) for each in events.Scalars(tag)]
    assert found == {
        "objective/scores": [(0, -0.5), (1, 0.5)],
        "objective/kl": [(0, 0.25), (1, 0.5)],
        "reward_model/proxy/accuracy": [(0, 0.75)],
        "reward_model/held_out/accuracy": [(0, 0.5)],
    }


def test_a_tracker_that_is_not_there_is_logged(
    folder: IterationFolder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        tracking.track_stage(Settings(data=tmp_path, trackers="mlflow,trackio"), folder, "ppo")
    assert [f"ppo of iteration-0001 was not sent to {name}" in each.message
            for name, each in zip(("mlflow", "trackio"), caplog.records, strict=True)] == [
        True, True,
    ]  # fmt: skip


def test_without_the_setting_nothing_is_written(folder: IterationFolder, tmp_path: Path) -> None:
    tracking.track_stage(Settings(data=tmp_path), folder, "ppo")
    assert not (tmp_path / tracking.FOLDER).exists()
