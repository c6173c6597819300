"""The policy under test: greedy responses, and log-probabilities of given answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from training import parallel
from training.config import IterationConfig
from training.model.batching import buckets, common_prefix, pad
from training.model.load import load_model
from training.model.tokenizer import ChatTokenizer
from training.ppo.rollout import RolloutSampling, sample
from training.rlhf import logprobs_and_entropy
from tutelage.feedback.preference_data import Dialogue

SCORING_TOKENS = 2048  # padded tokens of one scoring pass


@dataclass(frozen=True)
class Completion:
    """A response, and whether it ended with EOS."""

    text: str
    finished: bool


@dataclass(frozen=True)
class Question:
    """A dialogue that ends with a user message, with alternative answers to it."""

    prompt: Dialogue
    options: Sequence[str]


class PolicyUnderTest(Protocol):
    """A policy as the benchmarks use it."""

    def respond(self, prompts: Sequence[Dialogue], max_tokens: int) -> list[Completion]:
        """The greedy response to each prompt."""
        ...

    def option_logprobs(self, questions: Sequence[Question]) -> list[list[float]]:
        """For each option its log-probability, the mean over its tokens, in nats."""
        ...


@dataclass(frozen=True)
class _Row:
    ids: list[int]
    option: list[int]


class EvaluatedPolicy:
    """A policy directory."""

    def __init__(self, directory: Path, config: IterationConfig) -> None:
        self.tokenizer = ChatTokenizer(directory)
        self.model = load_model(directory, config)
        self._completions: dict[
            tuple[str, int], Completion
        ] = {}  # two benchmarks share the harmful requests

    def respond(self, prompts: Sequence[Dialogue], max_tokens: int) -> list[Completion]:
        """All prompts that are not cached, in one batch."""
        new = {repr(p): p for p in prompts if (repr(p), max_tokens) not in self._completions}
        completions = self._respond(list(new.values()), max_tokens)
        self._completions |= {
            (name, max_tokens): s for name, s in zip(new, completions, strict=True)
        }
        return [self._completions[repr(prompt), max_tokens] for prompt in prompts]

    def _respond(self, prompts: Sequence[Dialogue], max_tokens: int) -> list[Completion]:
        if not prompts:
            return []
        ids = [self.tokenizer.prompt(prompt) for prompt in prompts]
        unused = torch.zeros(len(ids), max_tokens, device=self.model.device)
        sampling = RolloutSampling(0.0, max_tokens, self.tokenizer.eos_ids)
        episodes = sample(self.model, self.model.reference, ids, unused, sampling)
        return [Completion(self.tokenizer.text(e.words.tolist()), e.finished) for e in episodes]

    @torch.no_grad()
    def option_logprobs(self, questions: Sequence[Question]) -> list[list[float]]:
        """The common prefix of all rows (the system prompt) is computed once per batch."""
        rows = [
            _Row(prompt + option, option)
            for question in questions
            for prompt in [self.tokenizer.prompt(question.prompt)]
            for option in map(self.tokenizer.response, question.options)
        ]
        found = iter(parallel.shared(rows, self._option_logprobs, lambda row: len(row.ids)))
        return [[next(found) for _ in question.options] for question in questions]

    def _option_logprobs(self, rows: Sequence[_Row]) -> list[float]:
        shared = common_prefix([row.ids[: -len(row.option)] or row.ids for row in rows])
        prefix = torch.tensor([rows[0].ids[:shared]], device=self.model.device)
        found = [0.0] * len(rows)
        for batch in buckets([len(row.ids) - shared for row in rows], SCORING_TOKENS):
            rest = pad([torch.tensor(rows[i].ids[shared:], device=prefix.device) for i in batch])
            for i, states in zip(batch, self._final(prefix, rest), strict=True):
                found[i] = self._mean_logprob(states, rows[i], shared)
        return found

    def _final(self, prefix: Tensor, rest: Tensor) -> Tensor:
        """Final hidden states of the rows behind their prefix: [K, T] -> [K, T, H]."""
        before, hidden = self.model.share_prefix(self.model.trunk, prefix, rest)
        top = partial(self.model.top, self.model.reference)
        return self.model.share_prefix(top, before, hidden)[1]

    def _mean_logprob(self, states: Tensor, row: _Row, shared: int) -> float:
        start = len(row.ids) - len(row.option) - shared - 1  # the state that foretells its first
        option = torch.tensor(row.option, device=states.device)
        logprobs, _ = logprobs_and_entropy(
            states[start : start + len(option)], self.model.head, option, 1.0
        )
        return float(logprobs.mean())
