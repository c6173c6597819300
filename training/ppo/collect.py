"""Collects the responses of one update: to training prompts, to eval prompts, and replayed ones."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from training import parallel
from training.config import PPOConfig
from training.model.lora import merged
from training.model.split_model import SplitModel
from training.model.tokenizer import ChatTokenizer, Message
from training.ppo.replay import ReplayBuffer, written
from training.ppo.rollout import Episode, RolloutSampling, sample
from training.ppo.state import RandomStreams
from training.ppo.vllm_sampler import VLLMSampler
from tutelage.errors import Invalid


class Rollouts(NamedTuple):
    """The responses of one update, by what they are for."""

    replayed: list[Episode]  # logged by an earlier policy: learned from, not measured
    on_policy: list[Episode]  # to training prompts: learned from and measured
    eval: list[Episode]  # to held-out prompts: measured, never learned from


class RolloutCollector:
    """Prompts, logged responses, and the policy that responds to both kinds of prompt."""

    def __init__(
        self,
        model: SplitModel,
        policy: nn.ModuleList,
        tokenizer: ChatTokenizer,
        config: PPOConfig,
        streams: RandomStreams,
        source: Path,
    ) -> None:
        self.model, self.policy, self.tokenizer = model, policy, tokenizer
        self.config, self.streams, self.source = config, streams, source
        self.servers: VLLMSampler | None = None  # which sample, where there are any
        self.replay = ReplayBuffer(model, policy, tokenizer, config, streams)
        self.group = 1  # responses to each prompt of a batch
        self.train_prompts: list[list[int]] = []
        self.eval_prompts: list[list[int]] = []

    def set_prompts(
        self, train: Sequence[Sequence[Message]], evaluation: Sequence[Sequence[Message]]
    ) -> None:
        """Takes conversations to respond to; one that is too long is left out.

        Raises: Invalid: none to train on is short enough.
        """
        self.train_prompts = self._encode(train)
        held_out = self._encode(evaluation) or self.train_prompts
        self.eval_prompts = held_out[: self.config.eval_prompts]
        if not self.train_prompts:
            longest = self.config.max_prompt_tokens
            raise Invalid(
                f"No prompt has at most {longest} tokens; there is nothing to train on.", "prompts"
            )

    def _encode(self, prompts: Sequence[Sequence[Message]]) -> list[list[int]]:
        encoded = [self.tokenizer.prompt(messages) for messages in prompts]
        return [ids for ids in encoded if len(ids) <= self.config.max_prompt_tokens]

    def sample_rollouts(self, update: int) -> Rollouts:
        """The responses of an update; new ones are sampled from the policy as it is.

        Training and eval prompts share one batch: a larger one decodes faster per token.
        """
        replayed = self.replay.draw(update)
        prompts = self.batch_prompts(update)[len(replayed) :]
        new = self.config.max_new_tokens
        random_uniforms = torch.cat(
            (
                torch.rand(len(prompts), new, generator=self.streams.train_sampling(update)),
                self._eval_uniforms(),
            )
        )
        episodes = self._sample(prompts + self.eval_prompts, random_uniforms)
        return Rollouts(replayed, episodes[: len(prompts)], episodes[len(prompts) :])

    def sample_eval(self) -> list[Episode]:
        """The responses of the policy as it is to the eval prompts."""
        return self._sample(self.eval_prompts, self._eval_uniforms())

    def sample_several(self, prompts: list[list[int]], count: int, update: int) -> list[Episode]:
        """``count`` responses to each prompt, next to each other."""
        asked = [prompt for prompt in prompts for _ in range(count)]
        generator = self.streams.train_sampling(update)
        return self._sample(
            asked, torch.rand(len(asked), self.config.max_new_tokens, generator=generator)
        )

    def _eval_uniforms(self) -> Tensor:
        shape = len(self.eval_prompts), self.config.max_new_tokens
        return torch.rand(*shape, generator=self.streams.eval_sampling())

    def _sample(self, prompts: list[list[int]], random_uniforms: Tensor) -> list[Episode]:
        """Responses of the policy as it is, with its own log-probabilities."""
        config = self.config
        sampling = RolloutSampling(
            config.temperature, config.max_new_tokens, self.tokenizer.eos_ids
        )
        if self.servers:
            return self._served(self.servers, prompts, random_uniforms, sampling)
        numbers = random_uniforms.to(self.model.device)
        episodes = sample(self.model, merged(self.policy), prompts, numbers, sampling)
        return episodes if self.model.dtype == torch.float32 else self.replay.reread(episodes)

    def _served(
        self,
        servers: VLLMSampler,
        prompts: list[list[int]],
        random_uniforms: Tensor,
        sampling: RolloutSampling,
    ) -> list[Episode]:
        """Responses that servers write, with the log-probabilities that this process gives them.

        A row's seed follows from its first random number.
        """
        made = servers.hand_over(self._save) if parallel.rank() == 0 else ("", Path())
        servers.serve(*parallel.agreed(made))
        seeds = (random_uniforms[:, 0] * 2**24).long().tolist()

        def work(rows: Sequence[int]) -> list[Episode]:
            found = servers.sample([prompts[i] for i in rows], [seeds[i] for i in rows], sampling)
            episodes = [
                written(self.model, t.prompt, t.response, t.sampler_logprobs, t.finished)
                for t in found
            ]
            return self.replay.read(
                [replace(each, sampler_logprobs=each.logprobs) for each in episodes]
            )

        return parallel.shared(range(len(prompts)), work, lambda i: len(prompts[i]))

    def _save(self, directory: Path) -> None:
        self.model.save(self.source, directory, self.policy)

    def batch_prompts(self, update: int) -> list[list[int]]:
        """The training prompts of an update: each once, in a new order, before any comes again.

        Each ``group`` times, next to each other.
        """
        ids = self.train_prompts
        count = self.config.batch // self.group
        wanted = range(update * count, (update + 1) * count)
        orders = {
            turn: torch.randperm(len(ids), generator=self.streams.prompt_order(turn)).tolist()
            for turn in {j // len(ids) for j in wanted}
        }
        chosen = [ids[orders[j // len(ids)][j % len(ids)]] for j in wanted]
        return [prompt for prompt in chosen for _ in range(self.group)]
