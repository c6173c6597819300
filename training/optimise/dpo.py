"""DPO: the rankings themselves change the policy, without reward model and sampling.

Rafailov et al. 2023, arXiv 2305.18290, eq. 7, on all pairs of a ranking, which share its weight,
plus the loss on the response that people ranked first (Pang et al. 2024, arXiv 2404.19733), which
keeps the policy from lowering both. The reward models choose the rung alone.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from training import parallel, rlhf
from training.ppo.optimiser import JudgedData, Optimiser
from training.progress import Progress
from training.reward.features import States, trunk_states
from training.reward.preferences import PreferenceExample, Row, preference_examples
from tutelage.errors import Invalid


@dataclass(frozen=True)
class RankedResponses:
    """A ranking of K responses, ready for passes through the top."""

    example: PreferenceExample
    states: States
    tokens: list[Tensor]  # K x [T], EOS included where the response ended
    pairs: Tensor  # [M, 2] winner, loser; ties are left out
    best: int  # a response that is ranked first
    ref_logprobs: Tensor  # [K], of whole responses


class DPO(Optimiser):
    """One run; an epoch over the rankings is an update."""

    def optimise(self, data: JudgedData, progress: Progress) -> str:
        """All epochs, each ending in a rung, unless the KL budget or a health check ends it.

        Raises: Invalid: no ranking decides anything.
        """
        ranked = self.encode(data.rankings)
        if not ranked:
            raise Invalid("DPO learns from rankings, and none puts two responses in order.")
        config = self.config.dpo
        optimiser = torch.optim.Adam(self.adapter, lr=config.learning_rate)
        steps = config.epochs * math.ceil(len(ranked) / config.batch)
        schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.1, steps)
        stop_reason = self.add_rung(0, config.epochs + 1, {}, progress)
        for epoch in range(config.epochs):
            if stop_reason:
                return stop_reason
            started = time.monotonic()
            order = torch.randperm(
                len(ranked), generator=self.streams.minibatch_order(epoch, 0)
            ).tolist()
            losses = []
            for start in range(0, len(order), config.batch):
                batch = [ranked[i] for i in order[start : start + config.batch]]
                losses.append(self.step(batch, optimiser))
                schedule.step()
            metrics = {
                "loss/dpo": sum(losses) / len(losses),
                "seconds": time.monotonic() - started,
            }
            stop_reason = self.add_rung(epoch + 1, config.epochs + 1, metrics, progress)
        return stop_reason or "All epochs are done."

    @torch.no_grad()
    def encode(self, rankings: Sequence[Row]) -> list[RankedResponses]:
        """The rankings that decide something, with the reference's log-probabilities."""
        limit = self.config.reward_model.max_tokens
        examples = preference_examples(self.tokenizer, rankings, [], limit)
        decided = [(example, self._best(example)) for example in examples if _decided(example)]
        return parallel.shared(decided, lambda own: [self._encode(*each) for each in own])

    def _encode(self, example: PreferenceExample, best: int) -> RankedResponses:
        pairs = torch.tensor(_decided(example), device=self.model.device)
        end = torch.tensor([self.tokenizer.turn_end_id])
        tokens = [
            torch.cat((response, end)) if finished else response
            for response, finished in zip(example.responses, example.finished, strict=True)
        ]
        row = RankedResponses(
            example,
            trunk_states(self.model, example),
            [each.to(self.model.device) for each in tokens],
            pairs,
            best,
            torch.empty(0),
        )
        return replace(row, ref_logprobs=self.logprobs(self.model.reference, row))

    def _best(self, example: PreferenceExample) -> int:
        """A response that no other was preferred to; any one where preference does not count."""
        if not self.config.optimise.score_coef:
            return self.any_of(len(example.responses))
        lost = {loser for _, loser in _decided(example)}
        return next(i for i in range(len(example.responses)) if i not in lost)

    def logprobs(self, layers: nn.ModuleList, row: RankedResponses) -> Tensor:
        """Of whole responses, their EOS included where they ended: [K]."""
        prompt, rows = self.model.share_prefix(partial(self.model.top, layers), *row.states)
        predicting = [
            torch.cat((prompt[0, -1:], final))[: len(tokens)]
            for final, tokens in zip(rows, row.tokens, strict=True)
        ]
        logprobs, _ = rlhf.logprobs_and_entropy(
            torch.cat(predicting), self.model.head, torch.cat(row.tokens)
        )
        return torch.stack([each.sum() for each in logprobs.split([len(t) for t in row.tokens])])

    def step(self, batch: list[RankedResponses], optimiser: torch.optim.Optimizer) -> float:
        """One optimiser step on some rankings. Returns their mean loss."""
        optimiser.zero_grad()
        weight, losses = sum(row.example.weight for row in batch), []
        for i in parallel.share([sum(map(len, row.tokens)) for row in batch]):
            loss = self.loss(batch[i]) * batch[i].example.weight / weight
            loss.backward()
            losses.append(float(loss.detach()))
        parallel.sum_gradients(self.adapter)
        nn.utils.clip_grad_norm_(self.adapter, self.config.ppo.max_grad_norm)
        optimiser.step()
        return sum(parallel.gather(losses))

    def loss(self, row: RankedResponses) -> Tensor:
        """-log sigmoid(beta (gain of the winner - gain of the loser)), a mean over the pairs, plus
        nll_coef times the mean loss per token of the best; gains are log p - log p_ref."""
        logprobs = self.logprobs(self.policy, row)
        gains = self.config.dpo.beta * (logprobs - row.ref_logprobs)
        margins = gains[row.pairs[:, 0]] - gains[row.pairs[:, 1]]
        nll = -logprobs[row.best] / max(1, len(row.tokens[row.best]))
        preference = self.config.optimise.score_coef * -functional.logsigmoid(margins).mean()
        return preference + self.config.dpo.nll_coef * nll


def _decided(example: PreferenceExample) -> list[tuple[int, int]]:
    """Winner and loser of each pair that is not a tie."""
    return [(i, j) if p == 1 else (j, i) for i, j, p in example.pairs if p != 0.5]
