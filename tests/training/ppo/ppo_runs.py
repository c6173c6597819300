"""PPO on the tiny policy, for the tests: prompts, a reward model that is easy to please, a run."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from training.config import IterationConfig
from training.model.load import load_model
from training.model.tokenizer import ChatTokenizer
from training.optimise.optimise import optimise_policy
from training.ppo.optimiser import JudgedData
from training.ppo.rollout import RolloutSampling, sample
from training.ppo.trainer import PPO
from training.progress import silent
from training.reward.doubt import Doubt
from training.reward.features import all_features, trunk_states
from training.reward.head import normalised
from training.reward.model import RewardModel
from training.reward.preferences import PreferenceExample
from tutelage.policies.library import weights_sha256

PROMPTS = [[{"role": "user", "content": f"Question {i}"}] for i in range(6)]
EVAL_PROMPTS = [[{"role": "user", "content": f"Another {i}"}] for i in range(4)]
RANKINGS = [
    {
        "conversation_id": str(i),
        "prompt": prompt,
        "responses": ["yes, of course", "no", "I do not know"],
        "ranks": [0, 1, 1],
        "finished": [True, True, False],
    }
    for i, prompt in enumerate(PROMPTS)
]
DATA = JudgedData(PROMPTS, EVAL_PROMPTS, RANKINGS)


def sampled(policy: Path, config: IterationConfig, seed: int, count: int) -> list[list[Any]]:
    """``count`` sampled responses to each prompt, as token ids."""
    tokenizer, model = ChatTokenizer(policy), load_model(policy, config)
    ids = [tokenizer.prompt(p) for p in PROMPTS for _ in range(count)]
    numbers = torch.rand(len(ids), 16, generator=torch.Generator().manual_seed(seed))
    episodes = sample(
        model, model.reference, ids, numbers, RolloutSampling(1.0, 16, tokenizer.eos_ids)
    )
    return [episodes[i : i + count] for i in range(0, len(ids), count)]


def write_reward_model(policy: Path, config: IterationConfig, directory: Path) -> None:
    """Likes one coordinate of the mean hidden state: dense, and easy to learn."""
    rows = [
        PreferenceExample("", row[0].prompt, [e.words for e in row if len(e.words)], [], 1.0)
        for row in sampled(policy, config, 0, 16)
    ]
    model = load_model(policy, config)
    states = [trunk_states(model, row) for row in rows]
    features = torch.cat(all_features(model, model.reference, rows, states))
    width = features.shape[1]
    likes = RewardModel(
        center=features.mean(0),
        spread=features.std(0).clamp_min(1e-4),
        weight=torch.eye(width)[0],
        bias=torch.zeros(()),
        low=features.amin(0),
        high=features.amax(0),
        adapter={},
        facts={"policy": weights_sha256(policy)},
    )
    reward_model = normalised(likes, features)
    reward_model.save(directory)
    Doubt(reward_model.weight[None]).save(directory)


def with_ppo(config: IterationConfig, **settings: Any) -> IterationConfig:
    return replace(config, ppo=replace(config.ppo, **settings))


def with_method(config: IterationConfig, method: str, **settings: Any) -> IterationConfig:
    return replace(config, optimise=replace(config.optimise, method=method, **settings))


def run(
    policy: Path,
    rewards: Path,
    config: IterationConfig,
    out: Path,
    progress: Any = silent,
    data: JudgedData = DATA,
) -> dict[str, Any]:
    proxy, held_out = rewards / "proxy", rewards / "held_out"
    return optimise_policy(policy, proxy, held_out, data, config, out, progress)


def new_run(policy: Path, rewards: Path, config: IterationConfig, out: Path) -> PPO:
    """A run before its first update."""
    return PPO(policy, rewards / "proxy", rewards / "held_out", config, out)


def logged_by(policy: Path, config: IterationConfig) -> list[dict[str, Any]]:
    """Responses of a policy, sampled at temperature 1, as the store keeps them."""
    return [
        {"prompt": prompt, "token_ids": e.response.tolist(), "logprobs": e.logprobs.tolist()}
        for prompt, row in zip(PROMPTS, sampled(policy, config, 3, 4), strict=True)
        for e in row
    ]


def history(out: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
