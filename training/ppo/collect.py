"""Collects the responses of one update: to training prompts, to eval prompts, and replayed ones."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn

from training.config import PPOConfig
from training.model.lora import merged
from training.model.split_model import SplitModel
from training.model.tokenizer import ChatTokenizer, Message
from training.ppo.replay import ReplayBuffer
from training.ppo.rollout import Episode, RolloutSampling, sample
from training.ppo.state import RandomStreams
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
    ) -> None:
        self.model, self.policy, self.tokenizer = model, policy, tokenizer
        self.config, self.streams = config, streams
        self.replay = ReplayBuffer(model, policy, tokenizer, config, streams)
        self.train_prompts: list[list[int]] = []
        self.eval_prompts: list[list[int]] = []

    def set_prompts(
        self, train: Sequence[Sequence[Message]], evaluation: Sequence[Sequence[Message]]
    ) -> None:
        """Takes conversations to respond to; one that is too long is left out.

        Raises: Invalid: none to train on is short enough.
        """
        self.train_prompts = self._encode(train)
        self.eval_prompts = self._encode(evaluation)[: self.config.eval_prompts]
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
                torch.rand(len(self.eval_prompts), new, generator=self.streams.eval_sampling()),
            )
        ).to(self.model.device)
        sampling = RolloutSampling(self.config.temperature, new, self.tokenizer.eos_ids)
        episodes = sample(
            self.model, merged(self.policy), prompts + self.eval_prompts, random_uniforms, sampling
        )
        if self.model.dtype != torch.float32:
            episodes = self.replay.reread(episodes)
        return Rollouts(replayed, episodes[: len(prompts)], episodes[len(prompts) :])

    def batch_prompts(self, update: int) -> list[list[int]]:
        """The training prompts of an update: each once, in a new order, before any comes again."""
        ids = self.train_prompts
        wanted = range(update * self.config.batch, (update + 1) * self.config.batch)
        orders = {
            turn: torch.randperm(len(ids), generator=self.streams.prompt_order(turn)).tolist()
            for turn in {j // len(ids) for j in wanted}
        }
        return [ids[orders[j // len(ids)][j % len(ids)]] for j in wanted]
