"""Another trainer behind the gate: what it is given, what it leaves, and how it fails."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from ppo_runs import history, run, with_method, with_ppo

from training.config import ExternalTrainerConfig, IterationConfig
from training.model.load import load_model
from training.optimise import trainer_process
from tutelage import jsonl
from tutelage.errors import Conflict, Invalid, Unavailable
from tutelage.iteration_folder import RUNGS

SCRIPT = str(Path(__file__).with_name("small_trainer.py"))


def trained_by(config: IterationConfig, fault: str = "", hours: float = 1.0) -> IterationConfig:
    places = "{model}", "{pairs}", "{checkpoints}", "{rank}", fault
    trainer = ExternalTrainerConfig((sys.executable, SCRIPT, *places), hours)
    return replace(with_method(with_ppo(config, kl_budget=1e9), "command"), trainer=trainer)


def test_checkpoints_become_a_ladder_in_their_order(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    result = run(tiny_policy, rewards, trained_by(smoke), tmp_path)
    rungs = jsonl.read(tmp_path / RUNGS)
    assert [(row["update"], row["scale"]) for row in rungs[:3]] == [(0, 1.0), (1, 1.0), (2, 1.0)]
    first, small, large = (row["objective/kl"] for row in rungs[:3])
    assert abs(first) < 1e-4 < small < large
    assert result["heldout/score"] == max(row["heldout/score"] for row in rungs)
    assert result["stop_reason"] == "All checkpoints are measured."
    assert (
        "pairs, the first: ['chosen', 'prompt', 'rejected']"
        in (tmp_path / "trainer.log").read_text()
    )
    assert not (tmp_path / "trainer").exists()
    load_model(tmp_path / "policy", smoke)


@pytest.mark.parametrize(
    "fault, kind, said",
    [
        ("fails", Unavailable, "(?s)exit code 1.*out of memory"),
        ("empty", Invalid, "left no checkpoint"),
        ("damaged", Invalid, "checkpoint-2 is unusable: it cannot be read"),
        ("base", Invalid, "it was trained on"),
        ("below", Invalid, "none of the linear layers in the 2 at the top"),
        ("shape", Invalid, "another shape"),
        ("rank", Invalid, "its rank is 16, and .* lora_rank is 8"),
        ("nan", Invalid, "not numbers"),
    ],
)
def test_what_a_trainer_does_wrong_is_said(
    fault: str, kind: type[Exception], said: str,
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path,
) -> None:  # fmt: skip
    with pytest.raises(kind, match=said):
        run(tiny_policy, rewards, trained_by(smoke, fault), tmp_path)


def test_a_run_that_was_interrupted_does_not_train_again(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    def stop(_stage: str, done: int, _total: int, _metrics: Mapping[str, float]) -> None:
        if done == 2:
            raise Conflict("The lease was lost.")

    with pytest.raises(Conflict):
        run(tiny_policy, rewards, trained_by(smoke), tmp_path, stop)
    result = run(tiny_policy, rewards, trained_by(smoke, "fails"), tmp_path)
    assert result["updates"] == 2 and len(history(tmp_path)) == 3


def test_a_trainer_ends_with_its_iteration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer_process, "EVERY", 0.02)
    asleep = tmp_path / "asleep"
    sleeping = ["sh", "-c", f"touch {asleep}; exec sleep 60"]

    def cancelled() -> None:
        if asleep.exists():
            raise Conflict("It was cancelled.")

    with pytest.raises(Conflict):
        trainer_process.run_trainer(sleeping, tmp_path, tmp_path / "log", 1.0, cancelled)
    with pytest.raises(Unavailable, match="within 0 hours"):
        trainer_process.run_trainer(sleeping, tmp_path, tmp_path / "log", 0.0, lambda: None)
    trainer_process.run_trainer(
        ["true"], tmp_path, tmp_path / "log", 1.0, lambda: None
    )  # none left
    with pytest.raises(Invalid, match="cannot be run"):
        trainer_process.run_trainer(["no-such"], tmp_path, tmp_path / "log", 1.0, lambda: None)


def test_the_method_needs_a_command() -> None:
    with pytest.raises(Invalid, match=r"needs \[trainer\] command"):
        IterationConfig.from_dict({"optimise": {"method": "command"}})
