"""Imitation: the policy learns to write the best responses that there are.

Those that people ranked first, or the best of n samples by the proxy reward model: distilled, one
sample is to be as good as the best of n (Sessa et al. 2024, "BOND", arXiv 2407.14622). At small KL
best-of-n gains more than reinforcement learning (Gao et al. 2022, figure 1).
"""

import math
import time
from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import nn

from training import parallel
from training.model.tokenizer import Dialogue
from training.ppo.optimiser import JudgedData, Optimiser
from training.ppo.rollout import Episode
from training.progress import Progress
from training.reward.preferences import Row
from training.sft import Batches
from tutelage.errors import Invalid


class Imitation(Optimiser):
    """Rounds of supervised fine-tuning; an epoch is an update."""

    rounds = 1

    @abstractmethod
    def responses(self, number: int, data: JudgedData) -> list[Dialogue]:
        """What is imitated in a round: prompts with responses, the latter marked as written."""

    def optimise(self, data: JudgedData, progress: Progress) -> str:
        """All rounds, each epoch ending in a rung, unless the KL budget or a health check ends it.

        Raises: Invalid: there is nothing to imitate.
        """
        config = self.config.imitation
        self.optimiser = torch.optim.Adam(self.adapter, lr=config.learning_rate)
        total = self.rounds * config.epochs
        stop_reason = self.add_rung(0, total + 1, {}, progress)
        for update in range(total):
            if stop_reason:
                return stop_reason
            started = time.monotonic()
            if update % config.epochs == 0:
                batches = Batches(self.model, self.responses(update // config.epochs, data))
            loss = self.epoch(batches, self.streams.minibatch_order(update, 0))
            metrics = {"loss/nll": loss, "seconds": time.monotonic() - started}
            stop_reason = self.add_rung(update + 1, total + 1, metrics, progress)
        return stop_reason or "All epochs are done."

    def epoch(self, batches: Batches, generator: torch.Generator) -> float:
        """One pass over the responses. Returns the mean loss, nats per token."""
        losses = []
        for batch in batches.shuffled(self.config.imitation.batch, generator):
            self.optimiser.zero_grad()
            losses.append(batches.add_gradient(self.policy, batch))
            parallel.sum_gradients(self.adapter)
            nn.utils.clip_grad_norm_(self.adapter, self.config.ppo.max_grad_norm)
            self.optimiser.step()
        return math.fsum(losses) / len(losses)


class ImitateBestRanked(Imitation):
    """SFT on the response that people ranked first in each ranking."""

    def responses(self, number: int, data: JudgedData) -> list[Dialogue]:
        """One response a ranking that decides something; without the EOS where it was cut."""
        chosen = [self._dialogue(row) for row in data.rankings if len(set(row["ranks"])) > 1]
        short = [each for each in chosen if len(each.ids) <= self.config.reward_model.max_tokens]
        if not short:
            raise Invalid("No ranking puts two responses in order: there is none to imitate.")
        return short

    def _dialogue(self, row: Row) -> Dialogue:
        place = row["ranks"].index(min(row["ranks"]))
        if not self.config.optimise.score_coef:  # a control, for which no response is the best
            place = self.any_of(len(row["ranks"]))
        prompt = self.tokenizer.prompt(row["prompt"])
        response = self.tokenizer.response(row["responses"][place])
        if row.get("finished", [True] * len(row["ranks"]))[place]:
            response = [*response, self.tokenizer.turn_end_id]
        return _written(prompt, response)


class Distillation(Imitation):
    """SFT on the best of n samples by the proxy reward model."""

    @property
    def rounds(self) -> int:  # type: ignore[override]
        """As many as the settings say."""
        return self.config.imitation.rounds

    def responses(self, number: int, data: JudgedData) -> list[Dialogue]:
        """The best ``keep`` of ``best_of`` samples from the policy as it is, for each prompt."""
        config = self.config.imitation
        prompts = self._prompts(number)
        episodes = self.collector.sample_several(prompts, config.best_of, number)
        scores = self.maker.score(episodes).scores.view(len(prompts), config.best_of)
        best = scores.topk(config.keep, dim=1).indices.tolist()
        return [
            _imitated(episodes[i * config.best_of + place])
            for i, places in enumerate(best)
            for place in places
        ]

    def _prompts(self, number: int) -> list[list[int]]:
        prompts = self.collector.train_prompts
        order = torch.randperm(len(prompts), generator=self.streams.prompt_order(number))
        return [prompts[i] for i in order[: self.config.imitation.prompts].tolist()]


def _imitated(episode: Episode) -> Dialogue:
    return _written(episode.prompt.tolist(), episode.response.tolist())


def _written(prompt: Sequence[int], response: Sequence[int]) -> Dialogue:
    ids = [*prompt, *response]
    return Dialogue(ids, [False] * len(prompt) + [True] * len(response))
