"""Which policy is kept, and when training stops: early stopping on a held-out reward model.

InstructGPT has no such step. The held-out reward model is fitted to conversations that the proxy,
which PPO optimises against, has not seen: the policy kept is the one at its peak.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from training import rlhf
from training.config import IterationConfig
from training.model.checkpoint import save_state
from training.model.lora import adapter_state
from training.ppo.diagnostics import diagnose
from training.ppo.experience import Experience, Trajectories
from training.ppo.rollout import Episode
from training.ppo.state import TrainerState
from training.text_statistics import repeated

GRID = "grid"


def measure(experience: Experience, state: TrainerState) -> dict[str, float]:
    """Metrics of the current policy. Replayed responses, which it did not write, do not count."""
    own = experience.on_policy
    kl = own.kl()
    kl_k3 = (rlhf.kl_k3(own.logprobs, own.ref_logprobs) * own.mask).sum(1)
    non_score = -state.kl_coef * kl
    heldout = torch.cat((own.heldout_scores, experience.eval.heldout_scores))
    lengths = torch.tensor([float(len(e.response)) for e in own.episodes])
    return {
        "update": state.update,
        "objective/kl": float(kl.mean()),
        "objective/kl_k3": float(kl_k3.mean()),
        "objective/scores": float(own.raw_scores.mean()),
        "objective/non_score_reward": float(non_score.mean()),
        "objective/rlhf_reward": float((own.scores + non_score).mean()),
        "kl_coef": state.kl_coef,
        "heldout/score": float(heldout.mean()),
        "heldout/standard_error": float(heldout.std(correction=0) / len(heldout) ** 0.5),
        "response/surprise": -float(rlhf.masked_mean(own.logprobs, own.mask)),
        "response/repetition": _mean_repetition(own.episodes),
        "response/length": float(lengths.mean()),
        "response/eos_share": sum(e.finished for e in own.episodes) / len(lengths),
    } | _eval_metrics(experience.eval)


class CheckpointSelection:
    """Keeps the best policy so far, and some on the way for the curves of the report."""

    def __init__(self, policy: nn.ModuleList, config: IterationConfig, out: Path) -> None:
        self.policy, self.config, self.out = policy, config, out
        self.best = self._copy()

    def select(self, metrics: Mapping[str, float], state: TrainerState) -> str | None:
        """Keeps the policy that was measured where it is the best; says why training should stop.

        A policy that fails a health check is not kept.
        """
        unhealthy = diagnose([*state.history, metrics], self.config.doctor)
        if unhealthy:
            return unhealthy
        if self.config.ppo.selection == "last":
            self._keep_last(metrics, state)
        else:
            self._keep_if_best(metrics, state)
        self._keep_on_grid(metrics)
        return self._reason_to_stop(metrics, state)

    def _keep_if_best(self, metrics: Mapping[str, float], state: TrainerState) -> None:
        """A policy farther from the reference must be better by more than a standard error.

        In the spirit of the one-standard-error rule (Breiman et al. 1984, §3.4.3). Both reward
        models learned from responses of the same kind and err alike beyond them, so where people's
        preference turns away, the held-out score seldom falls: it flattens.
        """
        score = metrics["heldout/score"]
        better = score > state.best_score + metrics["heldout/standard_error"]
        if better and metrics["objective/kl"] <= self.config.ppo.kl_budget:
            state.best_update, state.best_score = state.update, score
            self.best = self._copy()

    def _keep_last(self, metrics: Mapping[str, float], state: TrainerState) -> None:
        """Keeps the newest policy within the KL budget, whatever its score."""
        if metrics["objective/kl"] <= self.config.ppo.kl_budget:
            state.best_update, state.best_score = state.update, metrics["heldout/score"]
            self.best = self._copy()

    def _keep_on_grid(self, metrics: Mapping[str, float]) -> None:
        """Keeps the adapter of the first update beyond each multiple of ``kl_grid`` in sqrt(KL)."""
        kl_grid = self.config.ppo.kl_grid
        place = int(max(0.0, metrics["objective/kl"]) ** 0.5 / kl_grid)
        path = self.out / GRID / f"{place * kl_grid:.2f}.safetensors"
        if not path.is_file():
            path.parent.mkdir(exist_ok=True)
            save_state(path, adapter_state(self.policy), dict(metrics))

    def _reason_to_stop(self, metrics: Mapping[str, float], state: TrainerState) -> str | None:
        config = self.config.ppo
        if metrics["objective/kl"] > config.kl_budget:
            return f"The KL budget of {config.kl_budget:g} nats is spent."
        if state.update - state.best_update >= config.patience:
            return f"No clearly better held-out score for {config.patience} updates."
        if state.update >= config.updates:
            return "All updates are done."
        return None

    def _copy(self) -> dict[str, Tensor]:
        return {name: tensor.clone() for name, tensor in adapter_state(self.policy).items()}


def _eval_metrics(evaluated: Trajectories) -> dict[str, float]:
    if not evaluated.episodes:
        return {}
    return {
        "heldout/exam_score": float(evaluated.heldout_scores.mean()),
        "exam/scores": float(evaluated.raw_scores.mean()),
    }


def _mean_repetition(episodes: Sequence[Episode]) -> float:
    """The mean share of runs of four tokens that occurred before in the same response."""
    shares = [repeated(episode.response.tolist(), 4) for episode in episodes]
    return sum(shares) / len(shares)
