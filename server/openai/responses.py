"""A turn in the format of OpenAI's responses API: the response, or the events of a stream."""

import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, Literal

from server.chat.response import ResponseDelta, TurnResponse
from server.chat.turn import ResponseDone, Turn, TurnError
from server.chat.usage import TokenUsage
from server.http.errors import ApiError, as_api_error
from server.openai.sampling import chosen
from server.openai.sse import frame
from server.openai.tool_calls import called_tool
from server.schemas.openai.responses import (
    Incomplete,
    OutputCall,
    OutputMessage,
    OutputText,
    Response,
    ResponseError,
    ResponseRequest,
    ResponseUsage,
)
from server.schemas.openai.tools import CalledTool
from tutelage.settings import Settings
from tutelage.tables import Message, StoredCompletion

IncompleteReason = Literal["max_output_tokens", "content_filter"]
_INCOMPLETE: dict[str, IncompleteReason] = {
    "length": "max_output_tokens",
    "content_filter": "content_filter",
}


def response_id(completion_id: str) -> str:
    """The id under which a completion is a response."""
    return completion_id.replace("chatcmpl-", "resp_", 1)


def completion_id(response_id: str) -> str:
    """The id of a response's completion."""
    return response_id.replace("resp_", "chatcmpl-", 1)


def echoed_fields(settings: Settings, body: ResponseRequest) -> dict[str, Any]:
    """The fields that a response repeats from its request, and how it is sampled."""
    echoed = body.model_dump(
        include={"instructions", "max_output_tokens", "previous_response_id", "store", "top_p",
                 "temperature", "metadata", "text", "safety_identifier", "prompt_cache_key",
                 "tools", "tool_choice", "parallel_tool_calls"},
        exclude_none=True, by_alias=True,
    )  # fmt: skip
    sampled = chosen(settings, temperature=body.temperature, top_p=body.top_p)
    return {"text": {"format": {"type": "text"}}} | echoed | sampled


def of_turn(turn: Turn, echoed: Mapping[str, Any], response: TurnResponse | None) -> Response:
    """The response so far: in progress until it has ended."""
    if response is None:
        return _in_progress(turn.completion_id, turn.created, turn.policy_id, echoed)
    return _ended(
        turn.completion_id, turn.created, turn.policy_id, response.id, response.shown,
        [called_tool(call) for call in response.tool_calls], response.finish_reason, turn.usage,
        echoed,
    )  # fmt: skip


def of_stored(stored: StoredCompletion, messages: Sequence[Message]) -> Response:
    """A response that was stored."""
    echoed = {**stored.request, "metadata": stored.tags}
    created = int(stored.created_at)
    if not messages:
        return _in_progress(stored.id, created, stored.policy_id, echoed)
    message = messages[0]
    return _ended(
        stored.id, created, stored.policy_id, message.id, message.content,
        [CalledTool(**call) for call in message.tool_calls or ()], message.finish_reason or "stop",
        TokenUsage.of_stored([message]), echoed,
    )  # fmt: skip


def _in_progress(completion: str, created: int, model: str, echoed: Mapping[str, Any]) -> Response:
    return Response(
        id=response_id(completion), created_at=created, status="in_progress", model=model,
        output=[], **echoed,
    )  # fmt: skip


def _ended(
    completion: str, created: int, model: str, message_id: str, text: str,
    calls: Sequence[CalledTool], reason: str, used: TokenUsage, echoed: Mapping[str, Any],
) -> Response:  # fmt: skip
    incomplete = _INCOMPLETE.get(reason)
    status: Literal["completed", "incomplete"] = "incomplete" if incomplete else "completed"
    output: list[OutputMessage | OutputCall] = [_called(call) for call in calls]
    if text or not calls:
        message = OutputMessage(id=message_id, status=status, content=[OutputText(text=text)])
        output.insert(0, message)
    return Response(
        id=response_id(completion),
        created_at=created,
        completed_at=None if incomplete else int(time.time()),
        status=status,
        incomplete_details=Incomplete(reason=incomplete) if incomplete else None,
        model=model,
        output=output,
        usage=ResponseUsage(
            input_tokens=used.prompt, output_tokens=used.response, total_tokens=used.total
        ),
        **echoed,
    )


def _called(call: CalledTool) -> OutputCall:
    return OutputCall(id=f"fc_{call.id}", call_id=call.id, **call.function.model_dump())


def refused_event(error: ApiError) -> str:
    """The only event of a stream whose turn was refused after its headers were sent."""
    detail = error.detail.model_dump(include={"code", "message", "param"})
    return frame(json.dumps({"type": "error", "sequence_number": 0, **detail}), "error")


class ResponseEvents:
    """The events of one streamed response, numbered."""

    def __init__(self, turn: Turn, echoed: Mapping[str, Any]) -> None:
        self._turn = turn
        self._echoed = echoed
        self._number = 0
        self._item = turn.responses[0].id
        self._message_begun = False

    async def frames(self) -> AsyncIterator[str]:
        """All events; an error is the last one."""
        for each in self._opening():
            yield each
        async for event in self._turn.events():
            if isinstance(event, TurnError):
                yield self._failed(event)
                return
            if isinstance(event, ResponseDelta) and event.text:
                for each in self._message():
                    yield each
                yield self._text("delta", delta=event.text, logprobs=[])
            elif isinstance(event, ResponseDone):
                for each in self._closing(event.response):
                    yield each

    def _opening(self) -> Iterator[str]:
        begun = of_turn(self._turn, self._echoed, None).model_dump()
        yield self._event("response.created", response=begun)
        yield self._event("response.in_progress", response=begun)

    def _message(self) -> Iterator[str]:
        """The beginning of the message, with its first text or where there is nothing else."""
        if self._message_begun:
            return
        self._message_begun = True
        item = OutputMessage(id=self._item, status="in_progress", content=[]).model_dump()
        yield self._event("response.output_item.added", output_index=0, item=item)
        yield self._part("added", OutputText(text=""))

    def _closing(self, response: TurnResponse) -> Iterator[str]:
        ended = of_turn(self._turn, self._echoed, response)
        for index, item in enumerate(ended.output):
            if isinstance(item, OutputCall):
                yield from self._call(index, item)
            else:
                yield from self._message()
                yield self._text("done", text=response.shown, logprobs=[])
                yield self._part("done", OutputText(text=response.shown))
            yield self._event(
                "response.output_item.done", output_index=index, item=item.model_dump()
            )
        yield self._event(f"response.{ended.status}", response=ended.model_dump())

    def _call(self, index: int, call: OutputCall) -> Iterator[str]:
        begun = call.model_copy(update={"status": "in_progress", "arguments": ""})
        item, place = begun.model_dump(), {"item_id": call.id, "output_index": index}
        yield self._event("response.output_item.added", output_index=index, item=item)
        kind, arguments = "response.function_call_arguments", call.arguments
        yield self._event(f"{kind}.delta", **place, delta=arguments)
        yield self._event(f"{kind}.done", **place, name=call.name, arguments=arguments)

    def _failed(self, failure: TurnError) -> str:
        message = as_api_error(failure.error).detail.message
        begun = of_turn(self._turn, self._echoed, None)
        failed = begun.model_copy(
            update={"status": "failed", "error": ResponseError(message=message)}
        )
        return self._event("response.failed", response=failed.model_dump())

    def _part(self, what: str, part: OutputText) -> str:
        place = {"item_id": self._item, "output_index": 0, "content_index": 0}
        return self._event(f"response.content_part.{what}", **place, part=part.model_dump())

    def _text(self, what: str, **fields: Any) -> str:
        place = {"item_id": self._item, "output_index": 0, "content_index": 0}
        return self._event(f"response.output_text.{what}", **place, **fields)

    def _event(self, kind: str, **fields: Any) -> str:
        data = {"type": kind, "sequence_number": self._number, **fields}
        self._number += 1
        return frame(json.dumps(data), kind)
