"""One response being written: tokens in, text that may be shown out."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from fastapi.concurrency import run_in_threadpool

from moderation.rules import SideRules, Verdict
from moderation.stream import Release, StreamFilter
from server.chat import notices
from server.chat.loop_stopper import LoopStopper
from server.chat.notices import Notice
from server.generators.generator import Messages, Sampling, Stream, Token, ToolCall, prefix_of
from server.services import Services

LOOPING = "length"  # finish reason of a response that was ended since it repeated itself
CANCELLED = "cancelled"  # finish reason of a response whose client disconnected
BLOCKED = "content_filter"
FAILED = "error"  # finish reason of a response that the generator did not complete


@dataclass(frozen=True)
class ResponseDelta:
    """New text of a response, with the tokens that it completes; its tool calls, at the end."""

    choice: int
    text: str
    tokens: Sequence[Token] = ()
    tool_calls: Sequence[ToolCall] = ()


@dataclass
class TurnResponse:
    """One of the n choices of a turn."""

    choice: int
    sampling: Sampling
    stream: Stream | None = None  # None: the prompt was blocked, nothing is generated
    filter: StreamFilter | None = None  # None: moderation is switched off
    loop: LoopStopper = field(default_factory=lambda: LoopStopper(0))
    prefix: str = ""  # the text that it continues, which the client has: a part of ``shown``
    id: str = ""  # set once its prompt is stored: ids sort by time, parents first
    shown: str = ""
    tokens: list[Token] = field(default_factory=list)  # all that were generated
    finish_reason: str = CANCELLED
    first_text_seconds: float | None = None
    verdict: Verdict | None = None
    seconds: float | None = None  # from the request to its end
    _started: float = field(default_factory=time.perf_counter)  # when the generator took it
    _token_times: tuple[float, float] = (0.0, 0.0)  # of the first and the last token
    _looping: bool = False
    _calls: dict[int, ToolCall] = field(default_factory=dict)  # by their index
    _length: int = 0  # of the text of all tokens
    _hidden: deque[tuple[int, Token]] = field(default_factory=deque)  # (end of its text, token)

    @property
    def new_text(self) -> str:
        """What was shown after the prefix."""
        return self.shown[len(self.prefix) :] if self.stream else self.shown

    @property
    def notice(self) -> Notice | None:
        """What the user is told about this response's moderation."""
        return notices.of_verdict("assistant", self.verdict)

    @property
    def blocked(self) -> bool:
        """Whether moderation cut it off."""
        return self.filter is not None and self.filter.blocked

    @property
    def tool_calls(self) -> list[ToolCall]:
        """The tool calls, complete once it has ended; a blocked response makes none."""
        return [] if self.blocked else list(self._calls.values())

    @property
    def withheld(self) -> str:
        """The text that moderation did not show; the reviewer of an appeal reads it."""
        return self.filter.withheld if self.filter and self.blocked else ""

    @property
    def inter_token_seconds(self) -> float | None:
        """The mean time from one token to the next; None for fewer than two."""
        first, last = self._token_times
        return (last - first) / (len(self.tokens) - 1) if len(self.tokens) > 1 else None

    def stages(self, began: float) -> dict[str, float]:
        """Seconds that it waited in the queue, for its prompt, and for the filter's first text.

        ``began`` is when the request came, by the clock of ``time.perf_counter``.
        """
        if self.stream is None or not self.tokens:
            return {}
        first, queue = self._token_times[0], self.stream.queued_seconds or 0.0
        found = {"queue": queue, "prompt": first - self._started - queue}
        if self.first_text_seconds is not None:
            found["hold"] = began + self.first_text_seconds - first
        return found

    @property
    def kept_tokens(self) -> list[Token]:
        """The tokens to store: of a blocked response only those whose text was shown."""
        hidden = len(self._hidden) if self.blocked else 0
        return self.tokens[: len(self.tokens) - hidden]

    async def generate(self, emit: Callable[[ResponseDelta], None] | None = None) -> None:
        """Stream tokens through the filter; ``emit`` takes each delta.

        Generation stops where the filter blocks, and where the response repeats itself.

        When the generator fails, the text so far is kept and the error is raised.
        """
        assert self.stream is not None
        emit = emit or _ignore
        await self._begin()
        try:
            async for token in self.stream:
                emit(await self.take(token))
                if self.blocked or self._looping:
                    break
        except Exception:
            emit(await self.finish())
            self.finish_reason = FAILED
            raise
        finally:
            await self.stream.aclose()
        emit(await self.finish())

    async def _begin(self) -> None:
        """The filter reads the prefix as the beginning of the response."""
        self._length = len(self.prefix)
        push = self.filter.push if self.filter else Release
        self._show((await run_in_threadpool(push, self.prefix)).text if self.prefix else "")

    async def take(self, token: Token) -> ResponseDelta:
        """Pass the next token through the filter; the text that may be shown now."""
        now = time.perf_counter()
        self._token_times = (self._token_times[0] if self.tokens else now, now)
        self.tokens.append(token)
        self._looping = self.loop.push(token.token_id if token.token_id >= 0 else token.text)
        if token.call:
            so_far = self._calls.get(token.call.index)
            self._calls[token.call.index] = so_far.joined(token.call) if so_far else token.call
        self._length += len(token.text)
        self._hidden.append((self._length, token))
        if self.filter is None:
            return self._show(token.text)
        if self.filter.due(token.text):
            release = await run_in_threadpool(self.filter.push, token.text)
        else:
            release = self.filter.push(token.text)
        return self._show(release.text)

    async def finish(self) -> ResponseDelta:
        """The rest of the text and all tool calls, once the stream has ended or the filter blocked.

        Tool calls are moderated as text that follows the response's.
        """
        rest = ""
        if self.filter is not None:
            rest, self.verdict = await run_in_threadpool(self._filtered, self.filter)
            rest = rest[: self._length - len(self.shown)]
        ended = LOOPING if self._looping else self.stream.finish_reason if self.stream else None
        self.finish_reason = BLOCKED if self.blocked else ended or CANCELLED
        return replace(self._show(rest), tool_calls=self.tool_calls)

    def _filtered(self, stream_filter: StreamFilter) -> Release:
        called = "".join(f"\n{call.name} {call.arguments}" for call in self._calls.values())
        before = stream_filter.push(called).text if called else ""
        rest, verdict = stream_filter.finish()
        return Release(before + rest, verdict)

    def refuse(self, sentence: str) -> ResponseDelta:
        """Respond to a blocked prompt."""
        self.finish_reason = BLOCKED
        return self._show(sentence)

    def _show(self, text: str) -> ResponseDelta:
        before = len(self.new_text)
        self.shown += text
        return ResponseDelta(self.choice, self.new_text[before:], self._completed())

    def _completed(self) -> list[Token]:
        """Tokens whose text is shown now; one without text waits for the next that has some."""
        count = 0
        for number, (end, token) in enumerate(self._hidden, 1):
            if end > len(self.shown):
                break
            if token.text:
                count = number
        return [self._hidden.popleft()[1] for _ in range(count)]


async def start_response(
    services: Services,
    dialogue: Messages,
    sampling: Sampling,
    rules: SideRules,
    choice: int = 0,
    policy_id: str | None = None,
) -> TurnResponse:
    """Start a response by the current policy, or by the one named, through the filter.

    Raises ContextTooLong, Overloaded, and Unavailable where there is no such policy.
    """
    stream = await services.generator.start(dialogue, sampling, policy_id)
    filtered = StreamFilter(services.classifier, rules) if services.classifier else None
    loop = LoopStopper(services.settings.loop_tokens)
    return TurnResponse(choice, sampling, stream, filtered, loop, prefix_of(dialogue))


async def close(responses: Sequence[TurnResponse]) -> None:
    """Stop the generation of these responses."""
    for response in responses:
        if response.stream:
            await response.stream.aclose()


def _ignore(_delta: ResponseDelta) -> None:
    """For a response that is not streamed to a client."""
