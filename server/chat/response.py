"""One response being written: tokens in, text that may be shown out."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from fastapi.concurrency import run_in_threadpool

from moderation.rules import Verdict
from moderation.stream import Release, StreamFilter
from server.chat import notices
from server.generators.generator import Sampling, Stream, Token, ToolCall
from server.schemas.openai.chat import ModerationNotice
from server.schemas.openai.tools import CalledFunction, CalledTool

CANCELLED = "cancelled"  # kept with an answer whose reader went away
BLOCKED = "content_filter"


@dataclass(frozen=True)
class Piece:
    """New text of an answer, with the tokens that it completes."""

    choice: int
    text: str
    tokens: Sequence[Token] = ()
    calls: Sequence[CalledTool] = ()


@dataclass
class Answer:
    """One of the n choices of a turn."""

    choice: int
    sampling: Sampling
    stream: Stream | None = None  # None: the prompt was blocked, nothing is generated
    filter: StreamFilter | None = None  # None: moderation is switched off
    id: str = ""  # given once its prompt is stored: ids sort by time, parents first
    shown: str = ""
    tokens: list[Token] = field(default_factory=list)  # all that were generated
    finish_reason: str = CANCELLED
    first_text_seconds: float | None = None
    verdict: Verdict | None = None
    seconds: float | None = None  # from the request to its end
    _calls: dict[int, ToolCall] = field(default_factory=dict)  # by their index
    _length: int = 0  # of the text of all tokens
    _hidden: deque[tuple[int, Token]] = field(default_factory=deque)  # (end of its text, token)

    @property
    def notice(self) -> ModerationNotice | None:
        """What people are told of this answer's moderation."""
        return notices.of_verdict("assistant", self.verdict)

    @property
    def blocked(self) -> bool:
        """Whether moderation cut it off."""
        return self.filter is not None and self.filter.blocked

    @property
    def calls(self) -> list[CalledTool]:
        """The tools that it wants called, once it has ended; a blocked answer calls none."""
        called = [] if self.blocked else self._calls.values()
        return [
            CalledTool(
                id=each.id, function=CalledFunction(name=each.name, arguments=each.arguments)
            )
            for each in called
        ]

    @property
    def withheld(self) -> str:
        """What moderation kept back; who decides an appeal has to read it."""
        return self.filter.withheld if self.filter and self.blocked else ""

    @property
    def kept_tokens(self) -> list[Token]:
        """The tokens to store: of a blocked answer only those whose text was shown."""
        hidden = len(self._hidden) if self.blocked else 0
        return self.tokens[: len(self.tokens) - hidden]

    async def take(self, token: Token) -> Piece:
        """Pass the next token through the filter; the text that may be shown now."""
        self.tokens.append(token)
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

    async def finish(self) -> Piece:
        """The rest of the text and all calls, once the stream has ended or the filter blocked.

        Calls are moderated as text that follows the answer's.
        """
        rest = ""
        if self.filter is not None:
            rest, self.verdict = await run_in_threadpool(self._filtered, self.filter)
            rest = rest[: self._length - len(self.shown)]
        ended = self.stream.finish_reason if self.stream else None
        self.finish_reason = BLOCKED if self.blocked else ended or CANCELLED
        return replace(self._show(rest), calls=self.calls)

    def _filtered(self, stream_filter: StreamFilter) -> Release:
        called = "".join(f"\n{call.name} {call.arguments}" for call in self._calls.values())
        before = stream_filter.push(called).text if called else ""
        rest, verdict = stream_filter.finish()
        return Release(before + rest, verdict)

    def refuse(self, sentence: str) -> Piece:
        """Answer a blocked prompt."""
        self.finish_reason = BLOCKED
        return self._show(sentence)

    def _show(self, text: str) -> Piece:
        self.shown += text
        return Piece(self.choice, text, self._completed())

    def _completed(self) -> list[Token]:
        """Tokens whose text is shown now; one without text waits for the next that has some."""
        count = 0
        for number, (end, token) in enumerate(self._hidden, 1):
            if end > len(self.shown):
                break
            if token.text:
                count = number
        return [self._hidden.popleft()[1] for _ in range(count)]
