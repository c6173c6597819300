"""The PPO update: policy and value head on clipped losses, in minibatches, for a few epochs.

B is the number of responses, T the tokens of the longest.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn

from training import rlhf
from training.config import PPOConfig
from training.model.batching import buckets
from training.model.lora import adapter_state, load_adapter
from training.model.split_model import SplitModel
from training.model.tokenizer import Dialogue
from training.ppo.experience import Trajectories
from training.ppo.forward import forward, response_states
from training.ppo.state import RandomStreams
from training.reward.model import RewardModel
from training.sft import Batches

MICRO_TOKENS = 768  # padded tokens of one pass with gradients


class Diverged(Exception):
    """A loss or gradient is not finite."""


def value_head(reward_model: RewardModel) -> nn.Linear:
    """A value model that starts as the reward model (InstructGPT §C.4), read at every prefix."""
    value = nn.Linear(len(reward_model.weight), 1, device=reward_model.weight.device)
    with torch.no_grad():
        value.weight.copy_(reward_model.weight[None])
        value.bias.copy_(reward_model.bias)
    return value


class PolicyUpdate:
    """The policy's adapter, the value head, and the optimiser that changes both."""

    def __init__(
        self,
        model: SplitModel,
        policy: nn.ModuleList,
        value: nn.Linear | None,
        config: PPOConfig,
        streams: RandomStreams,
    ) -> None:
        self.model, self.policy, self.value = model, policy, value
        self.config, self.streams = config, streams
        self.ptx_data: list[Dialogue] = []
        self.adapter = [p for p in policy.parameters() if p.requires_grad]
        groups: list[dict[str, Any]] = [{"params": self.adapter, "lr": config.learning_rate}]
        if value is not None:
            groups.append({"params": list(value.parameters()), "lr": config.value_learning_rate})
        self.optimiser = torch.optim.Adam(groups, eps=1e-5)

    def update_policy(
        self, batch: Trajectories, advantages: Tensor, returns: Tensor, update: int
    ) -> dict[str, float]:
        """All epochs over a batch. Returns the metrics' means over the optimiser's steps.

        Args: advantages, returns [B, T]; update: its number, which decides the minibatches.
        Raises: Diverged: a loss or gradient was not finite; that step was not taken.
        """
        steps = []
        ptx_generator = self.streams.ptx_rows(update)
        for epoch in range(self.config.epochs):
            generator = self.streams.minibatch_order(update, epoch)
            order = torch.randperm(len(batch.episodes), generator=generator)
            for rows in order.split(self.config.minibatch):
                steps.append(self._step(batch, rows, advantages, returns, ptx_generator))
        means = {name: sum(s[name] for s in steps) / len(steps) for name in steps[0]}
        if self.value is None:
            return means
        return means | {"value/explained_variance": _explained_variance(batch, returns)}

    def _step(
        self,
        batch: Trajectories,
        rows: Tensor,
        advantages: Tensor,
        returns: Tensor,
        ptx_generator: torch.Generator,
    ) -> dict[str, float]:
        """One optimiser step on one minibatch, its gradient summed over passes of like lengths."""
        self.optimiser.zero_grad()
        tokens = int(batch.mask[rows].sum())
        totals: dict[str, float] = {}
        lengths = [len(batch.episodes[i].hidden) for i in rows.tolist()]
        for group in buckets(lengths, MICRO_TOKENS):
            part = self._losses(batch, rows[group], advantages, returns)
            losses = [value for name, value in part.items() if name.startswith("loss/")]
            (torch.stack(losses).sum() / tokens).backward()
            for name, value in part.items():
                totals[name] = totals.get(name, 0.0) + float(value.detach()) / tokens
        if self.ptx_data:
            totals["loss/ptx"] = self._add_ptx_gradient(ptx_generator)
        # Only the policy's gradient is clipped. The value head shares no parameter with it, so a
        # norm over both would let a large value error shrink the policy's step.
        norm = float(nn.utils.clip_grad_norm_(self.adapter, self.config.max_grad_norm))
        if not math.isfinite(norm + totals.get("loss/value_avg", 0.0)):
            raise Diverged("A loss or gradient was not finite; the best policy so far was kept.")
        self.optimiser.step()
        return totals | {"policy/grad_norm": norm}

    def _losses(
        self, batch: Trajectories, rows: Tensor, advantages: Tensor, returns: Tensor
    ) -> dict[str, Tensor]:
        """Losses and metrics, each summed over the tokens of some rows."""
        config, mask = self.config, batch.mask[rows]
        episodes = [batch.episodes[i] for i in rows.tolist()]
        common, finals = forward(self.model, self.policy, episodes)
        states = torch.cat(
            [response_states(f, e, len(common)) for f, e in zip(finals, episodes, strict=True)]
        )
        tokens = torch.cat([e.response for e in episodes])
        logprobs, entropy = rlhf.logprobs_and_entropy(
            states, self.model.head, tokens, config.temperature
        )
        old, weights = batch.logprobs[rows][mask], batch.weights[rows][mask]
        policy_loss, clipped = rlhf.clipped_policy_loss(
            logprobs, old, advantages[rows][mask], config.clip_range
        )
        value_loss = {}
        if self.value is not None:
            values = self.value(batch.value_inputs[rows][mask]).squeeze(-1)
            losses = rlhf.clipped_value_loss(
                values, batch.values[rows][mask], returns[rows][mask], config.value_clip_range
            )
            value_loss = {"loss/value_avg": (weights * losses).sum()}
        return value_loss | {
            "loss/policy_avg": (weights * policy_loss).sum(),
            "policy/approxkl_avg": (0.5 * (logprobs - old) ** 2).sum().detach(),
            "policy/clipfrac_avg": clipped.sum(),
            "val/ratio": (logprobs - old).exp().sum().detach(),
            "objective/entropy": entropy.sum(),
        }

    def _add_ptx_gradient(self, generator: torch.Generator) -> float:
        """Adds the gradient of ptx_coef times the loss on ``ptx_batch`` dialogues.

        InstructGPT eq. 2. The trunk's states of the dialogues are computed at each step: kept, they
        would need memory for all of them. Returns: the loss, a mean over the tokens.
        """
        order = torch.randperm(len(self.ptx_data), generator=generator)[: self.config.ptx_batch]
        dialogues = Batches(self.model, [self.ptx_data[i] for i in order.tolist()])
        everyone = list(range(len(order)))
        tokens, total = dialogues.written(everyone), 0.0
        for group in dialogues.passes(everyone):
            loss = dialogues.loss(self.policy, group) / tokens
            (self.config.ptx_coef * loss).backward()
            total += float(loss.detach())
        return total

    def state_dict(self) -> dict[str, dict[str, Tensor]]:
        """Adapter, value head and Adam's moments, as groups of named tensors."""
        moments = {
            f"{i}.{name}": tensor
            for i, moment in self.optimiser.state_dict()["state"].items()
            for name, tensor in moment.items()
        }
        return {
            "policy": adapter_state(self.policy),
            "value": self.value.state_dict() if self.value is not None else {},
            "adam": moments,
        }

    def load_state_dict(self, groups: dict[str, dict[str, Tensor]]) -> None:
        """Puts back what ``state_dict`` gave."""
        load_adapter(self.policy, groups["policy"])
        if self.value is not None:
            self.value.load_state_dict(groups["value"])
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in groups.get("adam", {}).items():
            index, _, kind = name.partition(".")
            moments.setdefault(int(index), {})[kind] = tensor
        self.optimiser.load_state_dict(self.optimiser.state_dict() | {"state": moments})


def _explained_variance(batch: Trajectories, returns: Tensor) -> float:
    """How much of the returns' variance the values explain: 1 all of it, 0 no more than a mean."""
    mean = rlhf.masked_mean(returns, batch.mask)
    unexplained = rlhf.masked_mean((batch.values - returns) ** 2, batch.mask)
    return float(1 - unexplained / rlhf.masked_mean((returns - mean) ** 2, batch.mask))
