"""Every method: from judged data to a ladder, a rung that is kept, and a policy directory."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from ppo_runs import DATA, PROMPTS, RANKINGS, history, run, with_method, with_ppo

from training.config import IterationConfig
from training.model.load import load_model
from training.optimise.dpo import DPO
from training.optimise.imitation import ImitateBestRanked
from training.optimise.optimise import METHODS
from training.optimise.rloo import RLOO
from training.ppo.optimiser import JudgedData
from tutelage import jsonl
from tutelage.errors import Invalid
from tutelage.iteration_folder import RUNGS


def small(config: IterationConfig, method: str) -> IterationConfig:
    return replace(
        with_method(with_ppo(config, kl_budget=1e9), method),
        dpo=replace(config.dpo, epochs=2, learning_rate=1e-2),
        imitation=replace(config.imitation, best_of=2, keep=1, learning_rate=1e-2),
    )


@pytest.mark.parametrize(
    "method", sorted(METHODS.keys() - {"command"})
)  # which test_command.py tests
def test_a_method_writes_a_ladder_and_keeps_a_rung(
    method: str, tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    config = small(smoke, method)
    result = run(tiny_policy, rewards, config, tmp_path)
    rungs = jsonl.read(tmp_path / RUNGS)
    assert [row["scale"] for row in rungs[-3:]] == list(config.optimise.scales)
    assert len(history(tmp_path)) == len(rungs) - 3 == result["updates"] + 1 > 2
    assert result["heldout/score"] == max(row["heldout/score"] for row in rungs)
    places = [(row["update"], row["scale"]) for row in rungs]
    assert (result["kept_update"], result["kept_scale"]) in places
    assert rungs[0]["objective/kl"] == pytest.approx(0.0, abs=1e-4)
    assert max(row["objective/kl"] for row in rungs) > 0.01
    load_model(tmp_path / "policy", smoke)


def test_dpo_raises_the_winner_over_the_loser_and_its_control_does_not(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    gaps = []
    for score_coef in (1.0, 0.0):
        config = with_method(smoke, "dpo", score_coef=score_coef)
        dpo = DPO(tiny_policy, rewards / "proxy", rewards / "held_out", config, tmp_path)
        rows = dpo.encode(RANKINGS)
        optimiser = torch.optim.Adam(dpo.adapter, lr=1e-2)
        for _ in range(4):
            dpo.step(rows, optimiser)
        gains = [dpo.logprobs(dpo.policy, row) - row.ref_logprobs for row in rows]
        gaps.append(float(torch.stack([gain[0] - gain[1:].mean() for gain in gains]).mean()))
    taught, control = gaps
    assert taught > control + 1.0


def test_only_the_end_of_a_response_that_ended_is_learned(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    models = tiny_policy, rewards / "proxy", rewards / "held_out"
    dpo, imitation = (kind(*models, smoke, tmp_path) for kind in (DPO, ImitateBestRanked))
    assert isinstance(dpo, DPO) and isinstance(imitation, ImitateBestRanked)
    end = dpo.tokenizer.turn_end_id
    (row,) = dpo.encode(RANKINGS[:1])
    assert [int(tokens[-1]) == end for tokens in row.tokens] == [True, True, False]
    cut = RANKINGS[0] | {"finished": [False, True, True]}
    ended, unended = (
        imitation.responses(0, replace(DATA, rankings=[ranking]))[0]
        for ranking in (RANKINGS[0], cut)
    )
    assert ended.ids == [*unended.ids, end]


@pytest.mark.parametrize("method", ["dpo", "sft-best"])
def test_rankings_that_decide_nothing_are_refused(
    method: str, tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    ties = JudgedData(PROMPTS, [], [row | {"ranks": [0, 0, 0]} for row in RANKINGS])
    with pytest.raises(Invalid, match="puts two responses in order"):
        run(tiny_policy, rewards, with_method(smoke, method), tmp_path, data=ties)


def test_rloo_needs_whole_groups(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    with pytest.raises(Invalid, match="groups of at least 2"):
        run(tiny_policy, rewards, with_method(with_ppo(smoke, group=3), "rloo"), tmp_path)


def test_rloo_asks_each_prompt_several_times_and_has_no_value_model(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    config = with_method(smoke, "rloo")
    rloo = RLOO(tiny_policy, rewards / "proxy", rewards / "held_out", config, tmp_path)
    assert rloo.value is None
    rloo.collector.group = 4
    rloo.collector.set_prompts(PROMPTS, [])
    asked = rloo.collector.batch_prompts(0)
    assert len(asked) == smoke.ppo.batch
    assert asked[0] == asked[3] != asked[4] == asked[7]
