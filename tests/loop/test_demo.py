"""The demonstration on a tiny model: a real service, a real iteration in a process of its own."""

import json
from pathlib import Path

import pytest

from training.demo.demo import Scale, _Demo, run_demo
from training.demo.preferences import PREFERENCES
from training.demo.simulated_users import DemoPrompt, DemoResponse
from tutelage.composition import open_core
from tutelage.errors import Invalid, Unavailable
from tutelage.settings import Settings
from tutelage.tables import Iteration, IterationState

SMOKE = Scale(people=2, prompts=12, test_prompts=4, samples=1, preset="smoke")


def settings(folder: Path, base: Path) -> Settings:
    return Settings(data=folder, base_model=str(base), moderation="off", threads=1)


@pytest.mark.loop
def test_the_people_judge_the_policy_that_they_taught(tmp_path: Path, tiny_policy: Path) -> None:
    steps = []
    result = run_demo(
        "brief", settings(tmp_path / "data", tiny_policy), SMOKE,
        lambda what, done, total: steps.append(what),
    )  # fmt: skip
    assert result.before.policy_id == "policy-0000"
    assert result.after is not None
    assert result.after.policy_id == "policy-0001"
    assert result.gain is not None
    assert result.after.preference - result.before.preference == pytest.approx(result.gain.mean)
    assert {"answers before", "judging", "training", "answers after"} <= set(steps)
    assert json.loads(json.dumps(result.summary()))["decision"] == "promote"
    assert "Taught by users who prefer brief answers" in result.report.read_text()


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "tutelage.db").touch()
    with pytest.raises(Invalid, match="not empty"):
        run_demo("brief", Settings(data=tmp_path))


def test_an_unknown_preference_is_named(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="Known: brief, plain, asks-back"):
        run_demo("loud", Settings(data=tmp_path / "data"))


def test_a_base_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="nowhere"):
        run_demo("brief", settings(tmp_path / "data", tmp_path / "nowhere"))


def test_a_refusal_is_reported_as_one(tmp_path: Path) -> None:
    core = open_core(Settings(data=tmp_path / "data"))
    responses = [
        DemoResponse(DemoPrompt("p-1", "Hello?"), "Yes, hello there.", "policy-0000", True)
    ]
    refused = Iteration(
        id="iteration-0001", unique_key="k", preset="smoke", parent_policy_id="policy-0000",
        baseline_policy_id="policy-0000",
        state=IterationState.REFUSED, decision="refuse", reasons=["Worse than before."],
    )  # fmt: skip
    demo = _Demo(core, PREFERENCES["brief"], SMOKE, lambda what, done, total: None)
    result = demo.result(refused, responses, [])
    core.store.close()
    assert (result.after, result.gain, result.succeeded) == (None, None, False)
    assert "Worse than before." in result.report.read_text()
