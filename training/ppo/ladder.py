"""The ladder: the policies that an optimiser passed through, and which of them is kept.

A rung is the policy after an update, or one between it and the first: its adapter scaled. All rungs
respond to the same held-out prompts with the same random numbers, so that their scores by the
held-out reward model are compared in pairs.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from training import rlhf
from training.model.checkpoint import load_state, save_state
from training.model.lora import adapter_state, interpolated, load_adapter
from training.ppo.experience import Experience
from training.ppo.rollout import Episode
from training.text_statistics import repeated
from tutelage import jsonl
from tutelage.iteration_folder import LADDER, RUNGS


@dataclass(frozen=True)
class Rung:
    """A policy on the ladder, measured."""

    update: int
    scale: float  # of the adapter: 1 as it was trained, 0 would be the first policy
    metrics: dict[str, float]
    scores: list[float]  # by the held-out reward model, of each eval response

    @property
    def kl(self) -> float:
        """From the reference policy, nats per response."""
        return self.metrics["objective/kl"]

    @property
    def score(self) -> float:
        """The mean held-out score."""
        return self.metrics["heldout/score"]


class Ladder:
    """The rungs as files: the adapter of each update with what was measured."""

    def __init__(self, policy: nn.ModuleList, out: Path) -> None:
        self.policy, self.out = policy, out

    def add(self, rung: Rung, healthy: bool = True) -> None:
        """Keeps the policy as it is; one that is not healthy can only be scaled down."""
        path = self._path(rung.update)
        path.parent.mkdir(parents=True, exist_ok=True)
        save_state(path, adapter_state(self.policy), {"rung": asdict(rung), "healthy": healthy})

    def rungs(self) -> list[Rung]:
        """Those of the updates, in their order, that are healthy."""
        facts = [load_state(file)[1] for file in sorted((self.out / LADDER).glob("*.safetensors"))]
        return [Rung(**each["rung"]) for each in facts if each["healthy"]]

    def load(self, update: int, scale: float) -> None:
        """Makes a rung the policy."""
        load_adapter(self.policy, interpolated(load_state(self._path(update))[0], scale))

    def write(self, rungs: Sequence[Rung]) -> None:
        """All rungs that were measured, for people and reports."""
        rows: list[dict[str, Any]] = [
            {"update": rung.update, "scale": rung.scale, **rung.metrics} for rung in rungs
        ]
        jsonl.write(self.out / RUNGS, rows)

    def _path(self, update: int) -> Path:
        return self.out / LADDER / f"{update:04d}.safetensors"


def choose(rungs: Sequence[Rung], kl_budget: float, selection: Literal["best", "last"]) -> Rung:
    """The rung to keep: of those within the KL budget, the one with the best held-out score.

    Near the first policy the held-out reward model orders policies well, beyond a few nats like a
    coin: more responses would not help, its error there is bias. So the budget decides how far,
    the score which rung. "last" ignores the score: the newest update within the budget.
    """
    within = [rung for rung in rungs if rung.kl <= kl_budget] or list(rungs[:1])
    if selection == "last":
        return max((rung for rung in within if rung.scale == 1), key=lambda rung: rung.update)
    return max(within, key=lambda rung: rung.score)


def paired_error(scores: Sequence[float], first: Sequence[float]) -> float:
    """The standard error of the mean of the differences, response by response."""
    gains = torch.tensor(scores, dtype=torch.float64) - torch.tensor(first, dtype=torch.float64)
    return float(gains.std(correction=0) / len(gains) ** 0.5)


def measure(
    experience: Experience, update: int, kl_coef: float, first: Sequence[float] | None = None
) -> Rung:
    """The current policy as a rung. Replayed responses, which it did not write, do not count.

    Args: first: the first policy's scores of the eval responses, none for that policy itself.
    """
    own = experience.on_policy
    evaluated = experience.eval if experience.eval.episodes else own
    kl = own.kl()
    kl_k3 = (rlhf.kl_k3(own.logprobs, own.ref_logprobs) * own.mask).sum(1)
    non_score = -kl_coef * kl
    lengths = torch.tensor([float(len(e.response)) for e in own.episodes])
    scores = evaluated.heldout_scores.tolist()
    metrics = {
        "update": update,
        "objective/kl": float(kl.mean()),
        "objective/kl_k3": float(kl_k3.mean()),
        "objective/scores": float(own.raw_scores.mean()),
        "objective/non_score_reward": float(non_score.mean()),
        "objective/rlhf_reward": float((own.scores + non_score).mean()),
        "kl_coef": kl_coef,
        "heldout/score": float(evaluated.heldout_scores.mean()),
        "heldout/standard_error": paired_error(scores, first or scores),
        "exam/scores": float(evaluated.raw_scores.mean()),
        "response/surprise": -float(rlhf.masked_mean(own.logprobs, own.mask)),
        "response/repetition": _mean_repetition(own.episodes),
        "response/length": float(lengths.mean()),
        "response/eos_share": sum(e.finished for e in own.episodes) / len(lengths),
    }
    return Rung(update, 1.0, metrics | _sampler_kl(own.episodes), scores)


def _sampler_kl(episodes: Sequence[Episode]) -> dict[str, float]:
    """The KL of what another program sampled from from what it should have, nats per token, k3."""
    pairs = [(e.sampler_logprobs, e.logprobs) for e in episodes if e.sampler_logprobs is not None]
    if not pairs:
        return {}
    sampler, learner = (torch.cat(each) for each in zip(*pairs, strict=True))
    return {"rollout/sampler_kl": float(rlhf.kl_k3(sampler, learner).mean())}


def _mean_repetition(episodes: Sequence[Episode]) -> float:
    """The mean share of runs of four tokens that occurred before in the same response."""
    shares = [repeated(episode.response.tolist(), 4) for episode in episodes]
    return sum(shares) / len(shares)
