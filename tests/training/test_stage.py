"""A stage runs once; what it wrote is checked before it is believed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from training import stage
from tutelage.errors import Unavailable


@dataclass(frozen=True)
class Loss:
    """A stage's result."""

    loss: float

    def as_json(self) -> dict[str, Any]:
        return {"loss": self.loss}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Loss":
        return cls(**values)


class Work:
    """Writes a file and counts how often it was asked to."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, directory: Path) -> Loss:
        self.calls += 1
        (directory / "model.txt").write_text("weights")
        (directory / ".partial").write_text("left over")
        return Loss(0.5)


def test_a_stage_runs_once(tmp_path: Path) -> None:
    work = Work()
    first = stage.run(tmp_path / "sft", Loss, work)
    assert stage.run(tmp_path / "sft", Loss, work) == first
    assert (work.calls, first.result) == (1, Loss(0.5))


def test_it_measures_time_and_memory(tmp_path: Path) -> None:
    done = stage.run(tmp_path / "sft", Loss, Work())
    assert done.seconds >= 0
    assert 10 < done.peak_memory_mb < 100_000


def test_an_interrupted_stage_runs_again_in_its_folder(tmp_path: Path) -> None:
    def interrupted(directory: Path) -> Loss:
        (directory / "checkpoint").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stage.run(tmp_path / "ppo", Loss, interrupted)
    work = Work()
    stage.run(tmp_path / "ppo", Loss, work)
    assert work.calls == 1
    assert (tmp_path / "ppo" / "checkpoint").read_text() == "half"


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda d: (d / "model.txt").write_text("other"), r"model\.txt has changed"),
        (lambda d: (d / "model.txt").unlink(), r"model\.txt is missing"),
        (lambda d: (d / "complete.json").write_text("{"), r"complete\.json cannot be read"),
    ],
)
def test_a_damaged_stage_says_what_to_delete(tmp_path: Path, damage: Any, sentence: str) -> None:
    stage.run(tmp_path / "sft", Loss, Work())
    damage(tmp_path / "sft")
    with pytest.raises(Unavailable, match=f"{sentence}.*Delete .*sft"):
        stage.run(tmp_path / "sft", Loss, Work())
