"""The toy environment as a benchmark: the loop's code on its policy, prompts and labelers."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lab import toy_environment
from lab.people import Labeler

from training.compute import compute
from training.config import IterationConfig, PPOConfig, RewardModelConfig
from training.model.batching import positions
from training.model.checkpoint import load_state
from training.model.load import load_model
from training.model.lora import load_adapter, merged
from training.model.split_model import SplitModel
from training.model.tokenizer import ChatTokenizer
from training.optimise.optimise import optimise_policy
from training.ppo.optimiser import JudgedData
from training.ppo.rollout import Episode, RolloutSampling, sample
from training.progress import silent
from training.reward.features import all_features, trunk_states
from training.reward.model import RewardModel
from training.reward.preferences import preference_examples
from training.reward.train import train_reward_model
from training.rlhf import logprobs_and_entropy
from training.sft import SFT, Batches
from tutelage.iteration_folder import LADDER

CONFIG = IterationConfig(
    preset="lab", threads=1, precision="fp32", top_layers=4,
    reward_model=RewardModelConfig(kind="head", max_tokens=128, folds=3),
    ppo=PPOConfig(
        updates=12, batch=64, epochs=2, minibatch=16, learning_rate=1e-3, kl_coef=0.02,
        temperature=1.0, max_new_tokens=toy_environment.LONGEST, kl_budget=3.0, eval_prompts=24,
        missing_eos_penalty=0.5, score_clip=6.0,
    ),
)  # fmt: skip
UNWATCHED = replace(
    CONFIG,
    doctor=IterationConfig.load("smoke").doctor,
    optimise=replace(CONFIG.optimise, scales=()),
    ppo=replace(CONFIG.ppo, kl_budget=1e9, updates=24),
)
ASKED = toy_environment.prompts()
TRAIN, OTHERS, TEST = ASKED[:48], ASKED[48:72], ASKED[72:]  # OTHERS: what the held-out model knows


@dataclass(frozen=True)
class Point:
    """One checkpoint of a PPO run."""

    update: int
    kl: float  # nats per response from the reference
    proxy: float  # mean score of the proxy reward model
    heldout: float
    gold: list[float]  # the mean true score of each test prompt

    @property
    def mean(self) -> float:
        return float(np.mean(self.gold))


def dialogue(prompt: str) -> list[dict[str, str]]:
    """A prompt as the loop takes it."""
    return [{"role": "user", "content": prompt}]


class ToyPolicy:
    """A loaded policy directory: generates responses, optionally with an adapter."""

    def __init__(self, policy: Path, config: IterationConfig = CONFIG) -> None:
        self.policy, self.config = policy, config
        self.tokenizer = ChatTokenizer(policy)
        self.model = load_model(policy, config)

    def answers(
        self, prompts: Sequence[str], count: int, seed: int, adapter: dict[str, Any] | None = None
    ) -> list[list[str]]:
        """``count`` responses to each prompt."""
        with compute(self.config):
            ids = [self.tokenizer.prompt(dialogue(p)) for p in prompts for _ in range(count)]
            generator = torch.Generator().manual_seed(seed)
            random_uniforms = torch.rand(len(ids), toy_environment.LONGEST, generator=generator)
            sampling = RolloutSampling(1.0, toy_environment.LONGEST, self.tokenizer.eos_ids)
            episodes = sample(self.model, self._top(adapter), ids, random_uniforms, sampling)
            texts = [self._text(episode) for episode in episodes]
        return [texts[i : i + count] for i in range(0, len(texts), count)]

    def logged(self, prompts: Sequence[str], count: int, seed: int) -> list[dict[str, Any]]:
        """``count`` responses to each prompt, with tokens and log-probabilities as stored."""
        with compute(self.config):
            asked = [p for p in prompts for _ in range(count)]
            ids = [self.tokenizer.prompt(dialogue(p)) for p in asked]
            generator = torch.Generator().manual_seed(seed)
            random_uniforms = torch.rand(len(ids), toy_environment.LONGEST, generator=generator)
            sampling = RolloutSampling(1.0, toy_environment.LONGEST, self.tokenizer.eos_ids)
            episodes = sample(self.model, self.model.reference, ids, random_uniforms, sampling)
        return [
            {
                "prompt": dialogue(p),
                "token_ids": e.response.tolist(),
                "logprobs": e.logprobs.tolist(),
            }
            for p, e in zip(asked, episodes, strict=True)
        ]

    def _top(self, adapter: dict[str, Any] | None) -> Any:
        if adapter is None:
            return self.model.reference
        ppo = self.config.ppo
        layers = self.model.adapted(ppo.lora_rank, ppo.lora_alpha, self.config.seed)
        load_adapter(layers, adapter)
        return merged(layers)

    def _text(self, episode: Episode) -> str:
        return self.tokenizer.text(episode.words.tolist())

    def scores(self, reward: RewardModel, prompts: Sequence[str], answers: Any) -> np.ndarray:
        """Scores of responses by a reward model on this policy's features: [prompts, count]."""
        rows = [
            {"conversation_id": p, "prompt": dialogue(p), "responses": a, "ranks": [0] * len(a)}
            for p, a in zip(prompts, answers, strict=True)
        ]
        with compute(self.config):
            judged = preference_examples(self.tokenizer, rows, [], 10_000)
            states = [trunk_states(self.model, row) for row in judged]
            features = all_features(self.model, self.model.reference, judged, states)
            return np.array([reward.score(f).tolist() for f in features])


def golds(prompts: Sequence[str], answers: Sequence[Sequence[str]]) -> list[float]:
    """The mean true reward of each prompt's responses."""
    return [
        float(np.mean([toy_environment.gold(p, a) for a in some]))
        for p, some in zip(prompts, answers, strict=True)
    ]


def rankings(
    toy_policy: ToyPolicy, prompts: Sequence[str], count: int, labeler: Labeler, seed: int
) -> list[dict[str, Any]]:
    """``count`` rankings of four sampled responses each, as in a snapshot."""
    generator = random.Random(seed)
    asked = [prompts[i % len(prompts)] for i in range(count)]
    answers = toy_policy.answers(asked, 4, seed)
    return [
        {
            "conversation_id": p,
            "prompt": dialogue(p),
            "responses": a,
            "ranks": labeler.rank(p, a, generator),
        }
        for p, a in zip(asked, answers, strict=True)
    ]


def reward_model(
    policy: Path, rows: Sequence[dict[str, Any]], out: Path, config: IterationConfig = CONFIG
) -> RewardModel:
    """Trains a reward model and loads it."""
    train_reward_model(policy, rows, [], config, out, silent)
    return RewardModel.load(out)


def optimise(
    policy: Path,
    rewards: Path,
    out: Path,
    ptx_prompts: Sequence[str] = (),
    seed: int = 17,
    config: IterationConfig = CONFIG,
    replay_data: Sequence[dict[str, Any]] = (),
    judged: Sequence[dict[str, Any]] = (),
    **settings: Any,
) -> dict[str, Any]:
    """Optimises against ``rewards/proxy``, by PPO unless ``config`` names another method.

    Args: judged: the rankings for methods that learn from them; settings: of PPO.
    """
    config = replace(config, seed=seed, ppo=replace(config.ppo, **settings))
    ptx_data = [
        {"messages": [*dialogue(p), {"role": "assistant", "content": toy_environment.good(p)}]}
        for p in ptx_prompts
    ]
    data = JudgedData(
        [dialogue(p) for p in TRAIN], [dialogue(p) for p in OTHERS], judged, ptx_data, replay_data
    )
    return optimise_policy(
        policy, rewards / "proxy", rewards / "held_out", data, config, out, silent
    )


def path(policy: Path, out: Path, samples: int = 8) -> list[Point]:
    """Every checkpoint of a PPO run, with its true reward on the test prompts."""
    toy_policy, found = ToyPolicy(policy), []
    for file in (out / LADDER).glob("*.safetensors"):
        adapter, facts = load_state(file)
        answers = toy_policy.answers(TEST, samples, 5, adapter)
        measured = facts["rung"]["metrics"]
        found.append(
            Point(
                int(measured["update"]), measured["objective/kl"], measured["objective/scores"],
                measured["heldout/score"], golds(TEST, answers),
            )
        )  # fmt: skip
    return sorted(found, key=lambda point: point.update)


def distance(policy: Path, base: Path, seed: int = 5) -> float:
    """KL of a policy from another with the same tokenizer, in nats per test response."""
    toy_policy, reference = ToyPolicy(policy), ToyPolicy(base)
    with compute(CONFIG), torch.no_grad():
        ids = [toy_policy.tokenizer.prompt(dialogue(p)) for p in TEST for _ in range(8)]
        generator = torch.rand(
            len(ids), toy_environment.LONGEST, generator=torch.Generator().manual_seed(seed)
        )
        sampling = RolloutSampling(1.0, toy_environment.LONGEST, toy_policy.tokenizer.eos_ids)
        episodes = sample(toy_policy.model, toy_policy.model.reference, ids, generator, sampling)
        return float(np.mean([_log_ratio(reference.model, episode) for episode in episodes]))


def _log_ratio(reference: SplitModel, episode: Episode) -> float:
    whole = torch.cat((episode.prompt, episode.response))[None]
    hidden = reference.trunk(whole, positions(whole))
    final = reference.top(reference.reference, hidden, positions(whole))[0]
    states = final[len(episode.prompt) - 1 : -1]
    logprobs, _ = logprobs_and_entropy(states, reference.head, episode.response)
    return float((episode.logprobs - logprobs).sum())


def demonstration_loss(policy: Path, prompts: Sequence[str]) -> float:
    """Nats per token of the demonstrated responses."""
    with compute(CONFIG):
        run = SFT(policy, CONFIG, silent)
        rows = [
            run.tokenizer.dialogue(
                [*dialogue(p), {"role": "assistant", "content": toy_environment.good(p)}]
            )
            for p in prompts
        ]
        batches = Batches(run.model, rows)
        everyone = list(range(len(rows)))
        with torch.no_grad():
            total = sum(
                float(batches.loss(run.model.reference, g)) for g in batches.passes(everyone)
            )
        return total / batches.written(everyone)
