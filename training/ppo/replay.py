"""The replay buffer: logged responses that PPO learns from again, off-policy."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from training import parallel
from training.config import PPOConfig
from training.model.batching import positions
from training.model.split_model import SplitModel
from training.model.tokenizer import ChatTokenizer
from training.ppo.forward import final_hidden_states, response_logprobs
from training.ppo.rollout import Episode
from training.ppo.state import RandomStreams
from training.reward.preferences import Row


@torch.no_grad()
def written(
    model: SplitModel,
    prompt: Sequence[int],
    response: Sequence[int],
    logprobs: Sequence[float],
    finished: bool,
) -> Episode:
    """A response that was not sampled here, as an episode with its writer's log-probabilities.

    Args: prompt: P token ids; response: T token ids, EOS included if finished; logprobs: T.
    """
    said = torch.tensor([*prompt, *response], device=model.device)
    ids = said[None, : len(said) - finished]
    return Episode(
        prompt=said[: len(prompt)],
        response=said[len(prompt) :],
        logprobs=torch.tensor(logprobs, device=model.device),
        hidden=model.trunk(ids, positions(ids))[0],
        finished=finished,
    )


class ReplayBuffer:
    """Logged responses of which each update replays some under the policy as it then is."""

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
        self.rows: list[Row] = []

    def fill(self, logged: Sequence[Row]) -> None:
        """Takes {"prompt": [messages], "token_ids", "logprobs"}; what is too long is left out."""
        rows = [{**row, "ids": self.tokenizer.prompt(row["prompt"])} for row in logged]
        self.rows = [
            row
            for row in rows
            if len(row["ids"]) <= self.config.max_prompt_tokens
            and len(row["token_ids"]) <= self.config.max_new_tokens
        ]

    def draw(self, update: int) -> list[Episode]:
        """The share of an update's batch that the settings give to logged responses.

        At least one response of a batch is on-policy: it is what the metrics are about.
        """
        wanted = min(round(self.config.reuse * self.config.batch), self.config.batch - 1)
        count = min(wanted, len(self.rows))
        order = torch.randperm(len(self.rows), generator=self.streams.replayed_rows(update))
        return self._replayed([self.rows[i] for i in order[:count].tolist()])

    @torch.no_grad()
    def _replayed(self, rows: Sequence[Row]) -> list[Episode]:
        """Logged responses as episodes, with the current policy's log-probabilities added."""
        return parallel.shared(rows, lambda own: self.read([self._episode(r) for r in own]))

    @torch.no_grad()
    def reread(self, episodes: Sequence[Episode]) -> list[Episode]:
        """Episodes with the log-probabilities that the current policy's adapters give.

        Those of the sampler do where weights are float32: in 16 bits merged adapters are rounded,
        and a log-probability is off by up to 0.04 nats.
        """
        return parallel.shared(episodes, self.read, lambda episode: len(episode.hidden))

    @torch.no_grad()
    def read(self, episodes: Sequence[Episode]) -> list[Episode]:
        """``reread`` of this rank's episodes."""
        finals = final_hidden_states(self.model, self.policy, list(episodes))
        return [
            replace(e, logprobs=self._logprobs(final, e))
            for e, final in zip(episodes, finals, strict=True)
        ]

    def _episode(self, row: Row) -> Episode:
        finished = row["token_ids"][-1] in self.tokenizer.eos_ids
        episode = written(self.model, row["ids"], row["token_ids"], row["logprobs"], finished)
        return replace(episode, behaviour_logprobs=episode.logprobs)

    def _logprobs(self, final: Tensor, episode: Episode) -> Tensor:
        return response_logprobs(self.model, final, episode, self.config.temperature)
