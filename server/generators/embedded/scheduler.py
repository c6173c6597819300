"""The responses that one policy is writing: every step gives each of them its next token."""

from collections.abc import Sequence
from typing import Protocol

import torch

from server.generators.embedded.block_pool import KeyValues, PrefixStore, common
from server.generators.embedded.detokenizer import Detokenizer
from server.generators.embedded.grammar import Grammar
from server.generators.embedded.model_runner import Policy, Segment
from server.generators.embedded.sampler import Sampler
from server.generators.embedded.stop_strings import StopStrings
from server.generators.generator import Alternative, Sampling, Token

PREFILL = 256  # prompt tokens computed per step: what running responses wait for a new one
WORTH_WAITING = 16  # shared tokens for which a prompt waits until another has computed them


class Reader(Protocol):
    """Who a response is written for."""

    cancelled: bool

    def put(self, tokens: Sequence[Token]) -> None: ...

    def end(self, finish_reason: str) -> None: ...

    def fail(self, error: Exception) -> None: ...


class Response:
    """One response being written: its tokens so far, prompt included, and how to go on."""

    def __init__(
        self,
        reader: Reader,
        policy: Policy,
        prompt: list[int],
        room: int,
        sampling: Sampling,
        grammar: Grammar | None = None,
    ) -> None:
        self.reader = reader
        self.tokens = prompt
        self.kv = KeyValues(policy.pool)
        self.ended = False
        self._end_ids = policy.end_ids
        self.longest = len(prompt) + room
        self._sampler = Sampler(sampling, grammar)
        self._policy = policy
        self._alternatives = sampling.top_logprobs
        self._detokenizer = Detokenizer(policy.decode)
        self._stops = StopStrings(sampling.stop)

    @property
    def pending(self) -> Sequence[int]:
        """Tokens that the policy has not read yet."""
        return self.tokens[self.kv.length :]

    def extend(self, logprobs: torch.Tensor) -> None:
        """Choose the next token from ``logprobs`` [vocabulary] and hand on what is certain."""
        token_id = self._sampler.choose(logprobs)
        self.tokens.append(token_id)
        at_end = token_id in self._end_ids
        text = "" if at_end else self._detokenizer.push(token_id)
        token = Token(text, token_id, float(logprobs[token_id]), self._likeliest(logprobs))
        certain = self._stops.push(token)
        if at_end or self._stops.stopped:
            self._finish(certain, "stop")
        elif len(self.tokens) == self.longest:
            self._finish(certain, "length")
        elif certain:
            self.reader.put(certain)

    def _likeliest(self, logprobs: torch.Tensor) -> tuple[Alternative, ...]:
        if not self._alternatives:
            return ()
        top = logprobs.topk(self._alternatives)
        pairs = zip(top.indices.tolist(), top.values.tolist(), strict=True)
        return tuple(Alternative(self._policy.decode([i]), i, value) for i, value in pairs)

    def _finish(self, certain: list[Token], reason: str) -> None:
        self.ended = True
        self.reader.put([*certain, *self._stops.flush()])
        self.reader.end(reason)


class Batch:
    """Responses side by side. A new one joins at the next step, an ended one leaves at once."""

    def __init__(self, policy: Policy, max_responses: int) -> None:
        self.policy = policy
        self._max_responses = max_responses
        self._waiting: list[Response] = []
        self._running: list[Response] = []
        self._prefixes = PrefixStore(policy.pool)

    @property
    def busy(self) -> bool:
        """Whether a step has anything to do."""
        return bool(self._waiting or self._running)

    def add(self, response: Response) -> None:
        """Let a response take part as soon as there is a place for it."""
        self._waiting.append(response)

    def step(self) -> int:
        """Compute one step; returns how many responses have ended, one way or another."""
        ended = self._remove_cancelled()
        self._admit()
        if not self._running:
            return ended
        chosen = self._schedule()
        segments = list(chosen.values())
        complete = [each for each, part in chosen.items() if len(part.tokens) == len(each.pending)]
        logprobs = self.policy.logprobs(segments, [chosen[each] for each in complete])
        for response, row in zip(complete, logprobs, strict=True):
            response.extend(row)
        return ended + self._remove_ended()

    def fail(self, error: Exception) -> int:
        """End all responses with an error; returns how many."""
        failed = self._waiting + self._running
        self._waiting, self._running = [], []
        for response in failed:
            response.reader.fail(error)
        return len(failed)

    def _remove_cancelled(self) -> int:
        before = len(self._waiting)
        self._waiting = [each for each in self._waiting if not each.reader.cancelled]
        for response in self._running:
            response.ended = response.reader.cancelled
        return before - len(self._waiting) + self._remove_ended()

    def _remove_ended(self) -> int:
        ended = [each for each in self._running if each.ended]
        self._running = [each for each in self._running if not each.ended]
        for response in ended:
            self._prefixes.keep(response.kv)
        return len(ended)

    def _admit(self) -> None:
        for response in list(self._waiting):
            if len(self._running) >= self._max_responses:
                return
            if self._soon_known(response):
                continue
            running = [each.kv for each in self._running]
            room = self._prefixes.begin(response.tokens, response.longest, running)
            if room is None:
                return
            self._waiting.remove(response)
            response.kv = room
            self._running.append(response)

    def _soon_known(self, response: Response) -> bool:
        """Whether another is just computing a good part of this prompt, as with n choices."""
        computing = [each for each in self._running if len(each.pending) > 1]
        known = max((common(response.tokens, each.kv.tokens) for each in self._running), default=0)
        return any(
            common(response.tokens, each.tokens) >= known + WORTH_WAITING for each in computing
        )

    def _schedule(self) -> dict[Response, Segment]:
        """What each response computes now: a token, or as much of its prompt as the step allows."""
        left = PREFILL
        chosen = {}
        for response in self._running:
            pending = response.pending
            if len(pending) > 1:
                pending = pending[:left]
                left -= len(pending)
            if pending:
                chosen[response] = Segment(response.kv, pending)
        return chosen
