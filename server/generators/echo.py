"""The fake generator: says the last user message back, or what a test scripts, word by word."""

import asyncio
import re
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

from server.generators.generator import (
    ContextTooLong,
    Messages,
    Overloaded,
    Sampling,
    ShuttingDown,
    Stream,
    Token,
    prefix_of,
)
from server.generators.stop_strings import StopStrings
from tutelage.errors import Unavailable

Replies = Mapping[str, str] | Callable[[Messages], str]

END_ID = 2
_WORDS = re.compile(r"\S+\s*|\s+")


class EchoGenerator:
    """A generator without a model; a word is a token, and everything is deterministic.

    ``replies`` maps the last user message to the answer, or is a function of all messages; what it
    does not know is echoed. A response that is continued is said from there. ``delay`` is in
    seconds per token.
    """

    def __init__(
        self,
        replies: Replies | None = None,
        *,
        policy_id: str | None = "policy-0000",
        context_window: int = 4096,
        delay: float = 0.0,
        max_streams: int = 64,
    ) -> None:
        self.policy_id = policy_id
        self.challengers: tuple[str, ...] = ()
        self.context_window = context_window
        self.running = 0
        self.takes_tools = False
        self.divergence = None
        self.engine = "echo"
        self.occupancy = None
        self._replies = replies or {}
        self._delay = delay
        self._max_streams = max_streams
        self._closed = False

    async def start(
        self, messages: Messages, sampling: Sampling, policy_id: str | None = None
    ) -> Stream:
        """Begin to say the scripted answer, or the last user message."""
        policy_id = policy_id or self.policy_id
        if policy_id is None or self._closed:
            raise Unavailable("No policy is loaded; load one first.")
        if policy_id not in (self.policy_id, *self.challengers):
            raise Unavailable(f"{policy_id} is not loaded; {self.policy_id} answers.")
        prompt_tokens = sum(len(_words(message["content"])) for message in messages)
        if prompt_tokens >= self.context_window:
            raise ContextTooLong(prompt_tokens, self.context_window)
        if self.running >= self._max_streams:
            raise Overloaded(self.running)
        room = min(sampling.max_tokens, self.context_window - prompt_tokens)
        self.running += 1
        reply = self._reply(messages).removeprefix(prefix_of(messages))
        return EchoStream(self, policy_id, reply, room, sampling.stop, prompt_tokens)

    async def load(self, policy_id: str, path: Path, *, challenger: bool = False) -> None:
        """Take another name, if its directory exists."""
        if not path.is_dir():
            raise Unavailable(f"{policy_id} cannot be loaded: {path} is not a directory.")
        if challenger and self.policy_id not in (None, policy_id):
            self.challengers = (*self._without(policy_id), policy_id)
        else:
            self.policy_id, self.challengers = policy_id, self._without(policy_id)

    async def unload(self, policy_id: str) -> None:
        """Forget the name of a challenger."""
        self.challengers = self._without(policy_id)

    async def close(self) -> None:
        """End all streams."""
        self._closed = True

    def _without(self, policy_id: str) -> tuple[str, ...]:
        return tuple(each for each in self.challengers if each != policy_id)

    async def pause(self) -> None:
        """Wait as long as one token takes."""
        await asyncio.sleep(self._delay)
        if self._closed:
            raise ShuttingDown

    def _reply(self, messages: Messages) -> str:
        if callable(self._replies):
            return self._replies(messages)
        asked = ("user", "text")
        users = (message["content"] for message in reversed(messages) if message["role"] in asked)
        last = next(users, "")
        return self._replies.get(last, last)


class EchoStream:
    """One scripted response."""

    def __init__(
        self,
        generator: EchoGenerator,
        policy_id: str,
        reply: str,
        max_tokens: int,
        stop: tuple[str, ...],
        prompt_tokens: int,
    ) -> None:
        self.policy_id = policy_id
        self.prompt_tokens = prompt_tokens
        self.finish_reason: str | None = None
        self.queued_seconds: float | None = None
        self._generator = generator
        self._tokens = [_token(word) for word in _words(reply)] + [Token("", END_ID, -0.001)]
        self._max_tokens = max_tokens
        self._stops = StopStrings(stop)
        self._running = True

    def __aiter__(self) -> AsyncIterator[Token]:
        return self._iterate()

    async def aclose(self) -> None:
        """Stop at the next token."""
        if self._running:
            self._running = False
            self._generator.running -= 1

    async def _iterate(self) -> AsyncIterator[Token]:
        try:
            for token in self._tokens[: self._max_tokens]:
                await self._generator.pause()
                for certain in self._stops.push(token) if self._running else ():
                    yield certain
                if self._stops.stopped or not self._running:
                    break
            for held in self._stops.flush() if self._running else ():
                yield held
            if self._running:
                whole = len(self._tokens) <= self._max_tokens
                self.finish_reason = "stop" if whole or self._stops.stopped else "length"
        finally:
            await self.aclose()


def _words(text: str) -> list[str]:
    return _WORDS.findall(text)


def _token(word: str) -> Token:
    number = zlib.crc32(word.encode())
    return Token(word, 3 + number % 49_000, -(1 + number % 1000) / 1000)
