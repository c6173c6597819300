"""Choosing the next token of a response from its logits."""

import math
import random
from collections import Counter
from collections.abc import Iterable, Sequence

import torch

from server.generators.embedded.grammar import Grammar
from server.generators.generator import Sampling

NUCLEUS = 1024  # candidates that are sorted first; nearly always enough, and far below a vocabulary
GREEDY = 1e-4  # temperatures below are greedy: only exact ties could differ, but floats overflow


class Sampler:
    """Chooses the tokens of one response: its seed, what it said so far, and its grammar."""

    def __init__(
        self, sampling: Sampling, prompt: Iterable[int] = (), grammar: Grammar | None = None
    ) -> None:
        self._sampling = sampling
        self._grammar = grammar
        self._random = random.Random(sampling.seed)
        self._said: Counter[int] = Counter()
        self._prompt = frozenset(prompt if sampling.repetition_penalty != 1 else ())

    @property
    def independent(self) -> bool:
        """Whether the policy's probabilities and the settings alone decide (``choose_each``)."""
        sampling = self._sampling
        changes = sampling.presence_penalty, sampling.frequency_penalty, sampling.logit_bias
        return not (any(changes) or self._grammar or sampling.repetition_penalty != 1)

    def draw(self) -> tuple[Sampling, float]:
        """The settings, and the number that decides on the next token."""
        return self._sampling, self._random.random()

    def choose(self, logprobs: torch.Tensor, normalizer: float = 0.0) -> int:
        """The next token; ``logprobs`` [vocabulary] are the policy's at temperature 1.

        With ``normalizer`` added they are its logits, which the repetition penalty is defined on.
        """
        if self._sampling.repetition_penalty != 1:
            logprobs = self._unrepeated(logprobs + normalizer)
        token_id = choose(self._biased(logprobs), *self.draw())
        self._said[token_id] += 1
        if self._grammar:
            self._grammar.push(token_id)
        return token_id

    def _unrepeated(self, logits: torch.Tensor) -> torch.Tensor:
        """Logits after the repetition penalty (Keskar et al. 2019, section 4.1)."""
        ids = torch.tensor(list(self._prompt | self._said.keys()))
        factor, repeated = self._sampling.repetition_penalty, logits[ids]
        logits[ids] = torch.where(repeated > 0, repeated / factor, repeated * factor)
        return logits

    def _biased(self, logprobs: torch.Tensor) -> torch.Tensor:
        """Log-probabilities, not normalised, after bias, penalties and grammar."""
        sampling = self._sampling
        changes = {i: b for i, b in sampling.logit_bias.items() if i < len(logprobs)}
        if sampling.presence_penalty or sampling.frequency_penalty:
            for token_id, count in self._said.items():
                penalty = sampling.presence_penalty + count * sampling.frequency_penalty
                changes[token_id] = changes.get(token_id, 0.0) - penalty
        if changes:
            ids = torch.tensor(list(changes))
            logprobs = logprobs.index_add(0, ids, torch.tensor(list(changes.values())))
        if self._grammar:
            logprobs = logprobs.where(self._grammar.allowed(len(logprobs)), -torch.inf)
        return logprobs


def choose(logprobs: torch.Tensor, sampling: Sampling, uniform: float) -> int:
    """The next token by inverse transform sampling.

    ``logprobs`` [vocabulary] at temperature 1; ``uniform`` in [0, 1) decides. One number per token
    makes the choice a function of a response's own seed, whatever else is in the batch.
    """
    if sampling.temperature < GREEDY:
        return int(logprobs.argmax())
    if sampling.min_p:
        lowest = logprobs.max() + math.log(sampling.min_p) * sampling.temperature
        logprobs = logprobs.where(logprobs >= lowest, -torch.inf)
    if 0 < sampling.top_k < len(logprobs):
        lowest = logprobs.topk(sampling.top_k).values[-1]
        logprobs = logprobs.where(logprobs >= lowest, -torch.inf)
    probs = (logprobs / sampling.temperature).softmax(-1)
    if sampling.top_p >= 1:
        return _invert(probs, uniform)
    probs, ids = nucleus(probs, sampling.top_p)
    return int(ids[_invert(probs, uniform)])


def choose_each(logprobs: torch.Tensor, asked: Sequence[tuple[Sampling, float]]) -> torch.Tensor:
    """The next token of each row [N, vocabulary] at once, on the rows' device: [N].

    From the distributions of ``choose``; the numbers pick from tokens in order of probability.
    """

    def column(values: Iterable[float]) -> torch.Tensor:
        return torch.tensor(list(values), dtype=torch.float64, device=logprobs.device)[:, None]

    ranked, ids = logprobs.double().sort(descending=True)
    places = torch.arange(ranked.shape[1], device=ranked.device)
    temperature = column(max(s.temperature, GREEDY) for s, _ in asked)
    kept = ranked >= ranked[:, :1] + temperature * column(
        math.log(s.min_p) if s.min_p else -math.inf for s, _ in asked
    )
    kept &= places < column(s.top_k if s.top_k > 0 else math.inf for s, _ in asked)
    probs = (ranked / temperature).masked_fill(~kept, -torch.inf).softmax(-1)
    before = probs.cumsum(-1) - probs
    probs = probs.masked_fill((before >= column(s.top_p for s, _ in asked)) & (places > 0), 0.0)
    cumulated = probs.cumsum(-1)
    uniforms = column(0.0 if s.temperature < GREEDY else uniform for s, uniform in asked)
    index = torch.searchsorted(cumulated, cumulated[:, -1:] * uniforms, right=True)
    last = (probs > 0).sum(-1, keepdim=True) - 1
    return ids.gather(1, index.minimum(last))[:, 0]


def nucleus(probs: torch.Tensor, top_p: float) -> tuple[torch.Tensor, torch.Tensor]:
    """The smallest set of most probable tokens whose mass reaches ``top_p`` (Holtzman et al. 2020).

    Returns their probabilities, not normalised, most probable first, and their ids.
    """
    top, ids = probs.topk(min(NUCLEUS, len(probs)))
    if float(top.sum()) < top_p:
        top, ids = probs.sort(descending=True)
    before = top.cumsum(-1) - top
    size = max(1, int((before < top_p).sum()))
    return top[:size], ids[:size]


def _invert(probs: torch.Tensor, uniform: float) -> int:
    """The index at which the cumulated mass passes ``uniform`` of the whole."""
    cumulated = probs.double().cumsum(-1)
    index = torch.searchsorted(cumulated, cumulated[-1] * uniform, right=True)
    return min(int(index), len(probs) - 1)
