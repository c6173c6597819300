"""PPO-ptx in an iteration: demonstrations and best-ranked responses are learned from too."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from loop_folder import ITERATION, row, run

from training.config import IterationConfig
from tutelage.composition import Core
from tutelage.errors import Invalid
from tutelage.tables import IterationState

pytestmark = pytest.mark.loop


def with_ptx(core: Core, max_tokens: int) -> str:
    """The smoke preset with PPO-ptx; its path."""
    smoke = IterationConfig.load("smoke")
    path = core.settings.data / "ptx.toml"
    replace(
        smoke,
        ppo=replace(smoke.ppo, ptx_coef=0.5),
        sft=replace(smoke.sft, max_tokens=max_tokens),
    ).dump(path)
    return str(path)


def curve(core: Core, name: str) -> list[float]:
    """A metric of optimisation, one value per update that has it."""
    path = core.iterations / ITERATION / "ppo" / "metrics.jsonl"
    rows = [json.loads(line) for line in Path(path).read_text("utf-8").splitlines()]
    return [found[name] for found in rows if name in found]


def test_a_coefficient_changes_what_an_iteration_learns(core: Core, uninterrupted: Core) -> None:
    run(core, with_ptx(core, 512))
    assert len(curve(core, "loss/ptx")) == IterationConfig.load("smoke").ppo.updates
    assert curve(uninterrupted, "loss/ptx") == []
    with_it, without = (curve(found, "objective/kl") for found in (core, uninterrupted))
    assert with_it[0] == without[0]
    assert with_it[1:] != without[1:]


def test_a_coefficient_with_nothing_to_learn_from_fails_and_says_so(core: Core) -> None:
    with pytest.raises(Invalid, match="ptx_coef"):
        run(core, with_ptx(core, 4))
    assert row(core).state == IterationState.FAILED
    assert row(core).reasons == [
        "ptx_coef is 0.5, but no demonstration or best-ranked response of at most 4 tokens is "
        "there to learn from. Collect some, or set ptx_coef to 0."
    ]
