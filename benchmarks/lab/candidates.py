"""Candidates of known quality for the gate: the checkpoints of PPO runs in the toy environment.

Reward models are fitted as in the product, from labelers who agree on 73 % of pairs: a proxy from
120 rankings, and the held-out model, which judges at the gate, from 60 by others on other prompts.
PPO runs on without stopping, so that some checkpoints are truly better than the first policy and
some are ruined. The true gain is that of the true reward on the gate's prompts.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lab import toy_environment
from lab.bench import CONFIG, TEST, UNWATCHED, ToyPolicy, dialogue, optimise

from training.compute import compute
from training.config import EvaluationConfig
from training.evaluation.metrics import Comparison, EvaluatedResponse, compare
from training.model.checkpoint import load_state
from training.reward.doubt import Doubt
from training.reward.features import all_features, trunk_states
from training.reward.model import RewardModel
from training.reward.preferences import preference_examples
from tutelage import atomic
from tutelage.iteration_folder import LADDER

SAMPLES, TRUE_SAMPLES = 2, 8
KEPT = "kept.json"


@dataclass(frozen=True)
class KnownCandidate:
    """A checkpoint as the gate sees it, and what is true of it."""

    seed: int
    update: int
    kept: bool  # whether it has the highest held-out score of its run
    gain: float  # of the true reward, in standard deviations of the first policy's responses
    counted: Comparison  # with the held-out reward model's own error
    ignored: Comparison  # without


def climb(lab: Any, seed: int) -> Path:
    """A run's folder, with the checkpoints below ``LADDER``; one that is complete is read."""
    far: Path = lab.work / f"gate/{seed}/far"
    if not (far / KEPT).is_file():
        rewards = lab.taught(f"gate/{seed}/rewards", seed, lab.labeler())
        metrics = optimise(
            lab.base, rewards, lab.fresh(f"gate/{seed}/far"), seed=seed, config=UNWATCHED
        )
        atomic.write_text(far / KEPT, json.dumps(metrics["kept_update"]))
    return far


def candidates(lab: Any, seed: int) -> Iterator[KnownCandidate]:
    """The checkpoints of one run."""
    far = climb(lab, seed)
    kept = json.loads((far / KEPT).read_text())
    judge = _Judge(lab.toy_policy, far.parent / "rewards" / "held_out", seed)
    first = judge.responses(None, 0.0)
    truth = judge.truth(None)
    for file in sorted((far / LADDER).glob("*.safetensors")):
        adapter, facts = load_state(file)
        rung = facts["rung"]
        if not rung["update"]:
            continue
        responses = judge.responses(adapter, rung["metrics"]["objective/kl"])
        gain = (judge.truth(adapter).mean() - truth.mean()) / truth.std()
        yield KnownCandidate(
            seed, int(rung["update"]), rung["update"] == kept, float(gain),
            judge.compared(first, responses),
            judge.compared(_without_draws(first), _without_draws(responses)),
        )  # fmt: skip


class _Judge:
    """The gate's evaluation by the held-out reward model, on prompts that it has not seen."""

    def __init__(self, toy_policy: ToyPolicy, held_out: Path, seed: int) -> None:
        self.toy_policy = toy_policy
        self.reward, self.doubt = RewardModel.load(held_out), Doubt.load(held_out)
        evaluation = EvaluationConfig(prompts=len(TEST), samples=SAMPLES)
        self.config = replace(CONFIG, evaluation=evaluation, seed=seed)

    def responses(self, adapter: dict[str, Any] | None, kl: float) -> list[EvaluatedResponse]:
        """``SAMPLES`` responses to each prompt, with the same random numbers for each policy."""
        answers = self.toy_policy.answers(TEST, SAMPLES, self.config.seed, adapter)
        features = self._features(answers).flatten(0, 1)
        texts = [text for some in answers for text in some]
        scores, draws = self.reward.score(features), self.doubt.scores(self.reward, features)
        return [
            EvaluatedResponse(
                text, float(score), len(text.split()) < toy_environment.LONGEST, False, kl,
                len(text.split()), tuple(drawn.tolist()),
            )
            for text, score, drawn in zip(texts, scores, draws, strict=True)
        ]  # fmt: skip

    def truth(self, adapter: dict[str, Any] | None) -> np.ndarray:
        """The true reward of other responses: [prompts, TRUE_SAMPLES]."""
        answers = self.toy_policy.answers(TEST, TRUE_SAMPLES, 5, adapter)
        return np.array(
            [
                [toy_environment.gold(p, a) for a in some]
                for p, some in zip(TEST, answers, strict=True)
            ]
        )

    def compared(
        self, first: list[EvaluatedResponse], responses: list[EvaluatedResponse]
    ) -> Comparison:
        return compare(first, responses, self.config)

    def _features(self, answers: list[list[str]]) -> torch.Tensor:
        rows = [
            {"conversation_id": p, "prompt": dialogue(p), "responses": a, "ranks": [0] * len(a)}
            for p, a in zip(TEST, answers, strict=True)
        ]
        model = self.toy_policy.model
        with compute(self.config), torch.no_grad():
            examples = preference_examples(self.toy_policy.tokenizer, rows, [], 10_000)
            states = [trunk_states(model, row) for row in examples]
            return torch.stack(all_features(model, model.reference, examples, states))


def _without_draws(responses: list[EvaluatedResponse]) -> list[EvaluatedResponse]:
    return [replace(response, draws=()) for response in responses]
