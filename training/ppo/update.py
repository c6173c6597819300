"""The PPO update: the policy on its clipped loss, in minibatches, for a few epochs.

B is the number of responses, T the tokens of the longest.
"""

import math

import torch
from torch import Tensor, nn

from training import parallel, rlhf
from training.config import PPOConfig
from training.model.batching import buckets
from training.model.lora import adapter_state, load_adapter
from training.model.split_model import SplitModel
from training.model.tokenizer import Dialogue
from training.ppo.experience import Trajectories
from training.ppo.forward import forward, response_states
from training.ppo.state import RandomStreams
from training.sft import Batches

MICRO_TOKENS = 768  # padded tokens of one pass with gradients, on a CPU


class Diverged(Exception):
    """A loss or gradient is not finite."""


class PolicyUpdate:
    """The policy's adapter and the optimiser that changes it."""

    def __init__(
        self,
        model: SplitModel,
        policy: nn.ModuleList,
        config: PPOConfig,
        streams: RandomStreams,
    ) -> None:
        self.model, self.policy = model, policy
        self.config, self.streams = config, streams
        self.ptx_data: list[Dialogue] = []
        self.adapter = [p for p in policy.parameters() if p.requires_grad]
        self.optimiser = torch.optim.Adam(self.adapter, lr=config.learning_rate, eps=1e-5)

    def update_policy(
        self, batch: Trajectories, advantages: Tensor, update: int
    ) -> dict[str, float]:
        """All epochs over a batch. Returns the metrics' means over the optimiser's steps.

        Args: advantages [B, T]; update: its number, which decides the minibatches and the rate.
        Raises: Diverged: a loss or gradient was not finite; that step was not taken.
        """
        self.set_rate(update)
        steps = []
        ptx_generator = self.streams.ptx_rows(update)
        for epoch in range(self.config.epochs):
            generator = self.streams.minibatch_order(update, epoch)
            order = torch.randperm(len(batch.episodes), generator=generator)
            for rows in order.split(self.config.minibatch):
                steps.append(self._step(batch, rows, advantages, ptx_generator))
        return {name: sum(s[name] for s in steps) / len(steps) for name in steps[0]}

    def set_rate(self, update: int) -> None:
        """Falls linearly over the updates, to a tenth at the last."""
        done = update / max(1, self.config.updates)
        for group in self.optimiser.param_groups:
            group["lr"] = self.config.learning_rate * (1 - 0.9 * done)

    def _step(
        self,
        batch: Trajectories,
        rows: Tensor,
        advantages: Tensor,
        ptx_generator: torch.Generator,
    ) -> dict[str, float]:
        """One optimiser step on one minibatch, its gradient summed over passes of like lengths."""
        self.optimiser.zero_grad()
        tokens = int(batch.mask[rows].sum())
        own = rows[parallel.share([len(batch.episodes[i].hidden) for i in rows.tolist()])]
        lengths = [len(batch.episodes[i].hidden) for i in own.tolist()]
        parts: list[dict[str, float]] = []
        for group in buckets(lengths, self.model.pass_tokens(MICRO_TOKENS)):
            part = self._losses(batch, own[group], advantages)
            (part["loss/policy_avg"] / tokens).backward()
            parts.append({name: float(value.detach()) / tokens for name, value in part.items()})
        parts = parallel.gather(parts)
        totals = {name: sum(part[name] for part in parts) for name in parts[0]}
        if self.ptx_data:
            totals["loss/ptx"] = self._add_ptx_gradient(ptx_generator)
        parallel.sum_gradients(self.adapter)
        norm = float(nn.utils.clip_grad_norm_(self.adapter, self.config.max_grad_norm))
        if not math.isfinite(norm):
            raise Diverged("A loss or gradient was not finite; the best policy so far was kept.")
        self.optimiser.step()
        return totals | {"policy/grad_norm": norm}

    def _losses(self, batch: Trajectories, rows: Tensor, advantages: Tensor) -> dict[str, Tensor]:
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
        return {
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
        return dialogues.add_gradient(self.policy, list(range(len(order))), self.config.ptx_coef)

    def state_dict(self) -> dict[str, dict[str, Tensor]]:
        """Adapter and Adam's moments, as groups of named tensors."""
        moments = {
            f"{i}.{name}": tensor
            for i, moment in self.optimiser.state_dict()["state"].items()
            for name, tensor in moment.items()
        }
        return {"policy": adapter_state(self.policy), "adam": moments}

    def load_state_dict(self, groups: dict[str, dict[str, Tensor]]) -> None:
        """Puts back what ``state_dict`` gave."""
        load_adapter(self.policy, groups["policy"])
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in groups.get("adam", {}).items():
            index, _, kind = name.partition(".")
            moments.setdefault(int(index), {})[kind] = tensor
        self.optimiser.load_state_dict(self.optimiser.state_dict() | {"state": moments})
