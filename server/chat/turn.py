"""A running turn: writes its responses side by side, stores each, and reports events.

When an API client disconnects the turn is stopped, and what was written so far is stored. A turn of
the web UI goes on, and can be watched again (``server.chat.watching``). Text that
moderation withholds is not shown: a blocked response is what was shown of it, and its
ModerationRecord holds the scores, the span, and the rest for the reviewer of an appeal.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from fastapi.concurrency import run_in_threadpool

from moderation.rules import Verdict
from server.chat import notices
from server.chat.persist import SavedPrompt, save_response
from server.chat.response import ResponseDelta, TurnResponse, close
from server.chat.usage import TokenUsage
from server.http.metrics import Metrics
from server.services import Services
from tutelage import tracing
from tutelage.chat.running_turns import Responses
from tutelage.errors import Unavailable

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ResponseDone:
    """A response is complete and stored."""

    response: TurnResponse


@dataclass(frozen=True)
class TurnError:
    """The turn failed."""

    error: Exception


TurnEvent = ResponseDelta | ResponseDone | TurnError


class Turn:
    """A turn that the generator has accepted and whose prompt is stored."""

    def __init__(
        self,
        services: Services,
        metrics: Metrics,
        completion_id: str,
        prompt: SavedPrompt,
        verdict: Verdict | None,
        responses: Sequence[TurnResponse],
        policy_id: str,
        began: float,
        survives: bool = False,
    ) -> None:
        """``survives``: it goes on when its client disconnects."""
        self.completion_id = completion_id
        self.created = int(time.time())
        self.prompt = prompt
        self.prompt_verdict = verdict
        self.prompt_notice = notices.of_verdict("user", verdict)
        self.responses = responses
        self.policy_id = policy_id
        self.survives = survives
        self.failure: Exception | None = None
        self.over = asyncio.Event()  # all responses are stored
        self._services = services
        self._metrics = metrics
        self._events: asyncio.Queue[TurnEvent | None] = asyncio.Queue()
        self._began = began
        self.news = asyncio.Event()  # set, and replaced, with the next event

    @property
    def usage(self) -> TokenUsage:
        """The tokens of the prompt and of all responses so far."""
        return TokenUsage.of(self.responses)

    async def events(self) -> AsyncIterator[TurnEvent]:
        """What happens, until the turn is over."""
        while (event := await self._events.get()) is not None:
            yield event

    @property
    def written(self) -> Responses:
        """The responses as far as they are written, as ``RunningTurn`` holds them."""
        return [
            {
                "id": each.id,
                "text": each.shown,
                "finish_reason": None if each.seconds is None else each.finish_reason,
            }
            for each in self.responses
        ]

    async def run(self) -> None:
        """Write all responses side by side; each is stored, however it ends."""
        self._metrics.turn_began()
        try:
            await asyncio.gather(*(self._write(response) for response in self.responses))
        finally:
            self._metrics.turn_ended(self.usage.prompt, self.usage.response)
            self.over.set()
            self._report(None)

    async def stop(self) -> None:
        """Generate no further token; the responses end as they are."""
        await close(self.responses)

    async def _write(self, response: TurnResponse) -> None:
        try:
            try:
                if response.stream:
                    await self._generate(response)
                else:
                    assert self.prompt_notice is not None
                    self._emit(response.refuse(self.prompt_notice.message))
            finally:
                await self._save(response)
            self._report(ResponseDone(response))
        except Exception as error:
            await self._fail(error)

    async def _generate(self, response: TurnResponse) -> None:
        assert response.stream is not None
        with tracing.span("generate", {"gen_ai.request.model": response.stream.policy_id}):
            await response.generate(self._emit)
            tracing.describe(
                {
                    "gen_ai.usage.input_tokens": response.stream.prompt_tokens,
                    "gen_ai.usage.output_tokens": len(response.tokens),
                    "gen_ai.response.finish_reasons": [response.finish_reason],
                    **{f"tutelage.{k}_seconds": v for k, v in response.stages(self._began).items()},
                }
            )

    async def _save(self, response: TurnResponse) -> None:
        response.seconds = time.perf_counter() - self._began
        self._metrics.response(response.finish_reason, response.inter_token_seconds)
        if response.verdict:
            self._metrics.moderated("response", response.verdict)
        for stage, seconds in response.stages(self._began).items():
            self._metrics.stage(stage, seconds)
        store = self._services.store
        with self._metrics.timed("store"):
            await run_in_threadpool(save_response, store, self.prompt, self.completion_id, response)

    async def _fail(self, error: Exception) -> None:
        if not isinstance(error, Unavailable):
            logger.error("The turn %s failed.", self.completion_id, exc_info=error)
        if self.failure is None:
            self.failure = error
            self._report(TurnError(error))
            await self.stop()

    def _emit(self, delta: ResponseDelta) -> None:
        if not (delta.text or delta.tool_calls):
            return
        self._clock(self.responses[delta.choice])
        self._report(delta)

    def _report(self, event: TurnEvent | None) -> None:
        self._events.put_nowait(event)
        self.news.set()
        self.news = asyncio.Event()

    def _clock(self, response: TurnResponse) -> None:
        """Record when a response's first text is sent; the metric counts the turn's first."""
        if response.first_text_seconds is not None:
            return
        waited = time.perf_counter() - self._began
        if all(each.first_text_seconds is None for each in self.responses):
            self._metrics.first_text(waited)
        response.first_text_seconds = waited
