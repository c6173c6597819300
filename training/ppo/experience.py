"""Experience: rollouts with everything that rewards, advantages and the update need.

B is the number of responses, T the tokens of the longest, D the features of a reward model.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import torch
from torch import Tensor

from training import parallel, rlhf
from training.config import IterationConfig
from training.model.batching import pad
from training.model.split_model import SplitModel
from training.ppo.collect import Rollouts
from training.ppo.forward import final_hidden_states, response_logprobs
from training.ppo.rollout import Episode
from training.ppo.value import ValueModel
from training.reward.features import prefix_features
from training.reward.model import RewardModel


@dataclass(frozen=True)
class Trajectories:
    """Responses as padded tensors; ``ExperienceMaker.make_experience`` says what each holds."""

    episodes: list[Episode]
    mask: Tensor
    logprobs: Tensor
    weights: Tensor
    ref_logprobs: Tensor
    value_inputs: Tensor
    values: Tensor
    scores: Tensor
    raw_scores: Tensor
    heldout_scores: Tensor

    def rows(self, rows: slice) -> "Trajectories":
        """Some of the responses."""
        return Trajectories(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def kl(self) -> Tensor:
        """KL to the reference per response, summed over its tokens, k1: [B]."""
        return (rlhf.kl_k1(self.logprobs, self.ref_logprobs) * self.mask).sum(1)


class _ScoredEpisode(NamedTuple):
    """What is computed of one episode; ``ExperienceMaker.make_experience`` says what each is."""

    ref_logprobs: Tensor  # [T]
    value_inputs: Tensor  # [T, D + 2 H]
    raw_score: Tensor  # []
    heldout_score: Tensor  # []


class Experience(NamedTuple):
    """The trajectories of one update, by what they are for."""

    train: Trajectories  # replayed and on-policy: what the update learns from
    on_policy: Trajectories  # of these, what the current policy wrote
    eval: Trajectories


class ExperienceMaker:
    """Scores rollouts with the frozen models and the value head."""

    def __init__(
        self,
        model: SplitModel,
        proxy: RewardModel,
        held_out: RewardModel,
        config: IterationConfig,
    ) -> None:
        self.model, self.config = model, config
        self.value: ValueModel | None = None  # of methods that have a value model
        self.proxy, self.held_out = proxy, held_out

    def make_experience(self, rollouts: Rollouts) -> Experience:
        """Scores all responses of an update together, and sorts them by what they are for.

        What was sampled
            episodes        B prompts, responses and trunk states, each of its own length
            mask            [B, T] true at a response's tokens, its EOS included
        The policy, before the update
            logprobs        [B, T] of the tokens
            weights         [B, T] 1; truncated importance weights where another program or an
                            earlier policy wrote the response
        The reference: the SFT policy
            ref_logprobs    [B, T]
        The value model
            value_inputs    [B, T, D + 2 H] features of the prefix before each token
            values          [B, T]
        The reward models
            scores          [B] of the proxy, clipped, less the penalty for a missing EOS
            raw_scores      [B] of the proxy, the model that is optimised against
            heldout_scores  [B] of the held-out reward model, which nothing is optimised against
        """
        everything = self.score([*rollouts.replayed, *rollouts.on_policy, *rollouts.eval])
        replayed = len(rollouts.replayed)
        learned = replayed + len(rollouts.on_policy)
        return Experience(
            train=everything.rows(slice(0, learned)),
            on_policy=everything.rows(slice(replayed, learned)),
            eval=everything.rows(slice(learned, None)),
        )

    @torch.no_grad()
    def score(self, episodes: list[Episode]) -> Trajectories:
        """The fields that ``make_experience`` lists, for episodes of any role."""
        rows = parallel.shared(episodes, self._rows, lambda episode: len(episode.hidden))
        raw_scores = torch.stack([row.raw_score for row in rows])
        value_inputs = pad([row.value_inputs for row in rows])
        mask = pad([torch.ones_like(e.response, dtype=torch.bool) for e in episodes])
        return Trajectories(
            episodes=episodes,
            mask=mask,
            logprobs=pad([e.logprobs for e in episodes]),
            weights=pad([self._weights(e) for e in episodes]),
            ref_logprobs=pad([row.ref_logprobs for row in rows]),
            value_inputs=value_inputs,
            values=self.value(value_inputs) if self.value else torch.zeros_like(mask).float(),
            scores=self._shaped(raw_scores, episodes),
            raw_scores=raw_scores,
            heldout_scores=torch.stack([row.heldout_score for row in rows]),
        )

    def _rows(self, own: Sequence[Episode]) -> list["_ScoredEpisode"]:
        """What the frozen models say of this rank's episodes."""
        episodes = list(own)
        finals = final_hidden_states(self.model, self.model.reference, episodes)
        features = self._features(self.proxy, finals, episodes)
        heldout_features = self._features(self.held_out, finals, episodes)
        columns = zip(
            episodes,
            finals,
            features,
            self.proxy.score(_of_whole_responses(features)),
            self.held_out.score(_of_whole_responses(heldout_features)),
            strict=True,
        )
        temperature = self.config.ppo.temperature
        return [
            _ScoredEpisode(
                response_logprobs(self.model, final, episode, temperature),
                self._value_inputs(prefixes[: len(episode.response)]),
                raw_score,
                heldout_score,
            )
            for episode, final, prefixes, raw_score, heldout_score in columns
        ]

    def _value_inputs(self, prefixes: Tensor) -> Tensor:
        """What the value model reads of a response, [T, D + 2 H]; without one, nothing."""
        return self.value.inputs(prefixes) if self.value else prefixes[:, :0].clone()

    def _shaped(self, raw_scores: Tensor, episodes: Sequence[Episode]) -> Tensor:
        """Weighted clipped scores, less the penalty of responses without EOS: [B] -> [B]."""
        unfinished = torch.tensor([not e.finished for e in episodes], device=raw_scores.device)
        ppo = self.config.ppo
        scores = self.config.optimise.score_coef * raw_scores.clamp(-ppo.score_clip, ppo.score_clip)
        return scores - ppo.missing_eos_penalty * unfinished

    def _weights(self, episode: Episode) -> Tensor:
        """How much each token of a response counts: [T]."""
        everything = torch.ones_like(episode.logprobs)
        if episode.sampler_logprobs is not None:
            limit = self.config.ppo.sampler_limit
            return rlhf.sampler_weights(episode.logprobs, episode.sampler_logprobs, limit)
        if episode.behaviour_logprobs is None:
            return everything
        return rlhf.truncated_weights(
            episode.logprobs[None], episode.behaviour_logprobs[None], everything[None],
            self.config.ppo.reuse_limit,
        )[0]  # fmt: skip

    def _features(
        self, reward_model: RewardModel, finals: list[Tensor], episodes: list[Episode]
    ) -> list[Tensor]:
        """Features of all prefixes of each response, the whole response last: [T + 1, D] each."""
        if reward_model.adapter:
            layers = reward_model.top(self.model, self.config.reward_model)
            finals = final_hidden_states(self.model, layers, episodes)
        return [
            prefix_features(e.hidden, final, len(e.prompt), e.finished)
            for final, e in zip(finals, episodes, strict=True)
        ]


def _of_whole_responses(features: list[Tensor]) -> Tensor:
    """The features of each response, without those of its prefixes: [B, D]."""
    return torch.stack([prefixes[-1] for prefixes in features])
