"""A turn in the words of OpenAI's responses API: the response, or the events of a stream."""

import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, Literal

from server.chat.response import Answer, Piece
from server.chat.turn import End, Failure, Turn
from server.http.errors import as_api_error
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
from tutelage.tables import Message, StoredCompletion

Reason = Literal["max_output_tokens", "content_filter"]
_CUT: dict[str, Reason] = {"length": "max_output_tokens", "content_filter": "content_filter"}


def response_id(completion_id: str) -> str:
    """The response that a completion is."""
    return completion_id.replace("chatcmpl-", "resp_", 1)


def completion_id(response_id: str) -> str:
    """The completion that a response is."""
    return response_id.replace("resp_", "chatcmpl-", 1)


def told_again(body: ResponseRequest) -> dict[str, Any]:
    """What a response repeats of its request."""
    told = body.model_dump(
        include={"instructions", "max_output_tokens", "previous_response_id", "store", "top_p",
                 "temperature", "metadata", "text", "safety_identifier", "prompt_cache_key",
                 "tools", "tool_choice", "parallel_tool_calls"},
        exclude_none=True, by_alias=True,
    )  # fmt: skip
    return {"text": {"format": {"type": "text"}}} | told


def of_turn(turn: Turn, told: Mapping[str, Any], answer: Answer | None) -> Response:
    """The response so far: in progress until its answer has ended."""
    if answer is None:
        return Response(
            id=response_id(turn.completion_id), created_at=turn.created, status="in_progress",
            model=turn.policy_id, output=[], **told,
        )  # fmt: skip
    return _ended(
        turn.completion_id, turn.created, turn.policy_id, answer.id, answer.shown, answer.calls,
        answer.finish_reason, turn.prompt_tokens, turn.response_tokens, told,
    )  # fmt: skip


def of_stored(stored: StoredCompletion, answers: Sequence[Message]) -> Response:
    """A response that was stored."""
    told = {**stored.request, "metadata": stored.tags}
    if not answers:
        return Response(
            id=response_id(stored.id), created_at=int(stored.created_at), status="in_progress",
            model=stored.policy_id, output=[], **told,
        )  # fmt: skip
    answer = answers[0]
    return _ended(
        stored.id, int(stored.created_at), stored.policy_id, answer.id, answer.content,
        [CalledTool(**call) for call in answer.tool_calls or ()], answer.finish_reason or "stop",
        answer.prompt_tokens or 0, len(answer.token_ids or ()), told,
    )  # fmt: skip


def _ended(
    completion: str, created: int, model: str, message_id: str, text: str,
    calls: Sequence[CalledTool], reason: str, prompt: int, written: int, told: Mapping[str, Any],
) -> Response:  # fmt: skip
    cut = _CUT.get(reason)
    status: Literal["completed", "incomplete"] = "incomplete" if cut else "completed"
    output: list[OutputMessage | OutputCall] = [_called(call) for call in calls]
    if text or not calls:
        message = OutputMessage(id=message_id, status=status, content=[OutputText(text=text)])
        output.insert(0, message)
    usage = ResponseUsage(input_tokens=prompt, output_tokens=written, total_tokens=prompt + written)
    return Response(
        id=response_id(completion),
        created_at=created,
        completed_at=None if cut else int(time.time()),
        status=status,
        incomplete_details=Incomplete(reason=cut) if cut else None,
        model=model,
        output=output,
        usage=usage,
        **told,
    )


def _called(call: CalledTool) -> OutputCall:
    return OutputCall(id=f"fc_{call.id}", call_id=call.id, **call.function.model_dump())


class Events:
    """The events of one streamed response, numbered."""

    def __init__(self, turn: Turn, told: Mapping[str, Any]) -> None:
        self._turn = turn
        self._told = told
        self._number = 0
        self._item = turn.answers[0].id
        self._speaks = False  # whether the message has begun

    async def frames(self) -> AsyncIterator[str]:
        """All events; a failure is the last one."""
        for frame in self._opening():
            yield frame
        async for event in self._turn.events():
            if isinstance(event, Failure):
                yield self._failed(event)
                return
            if isinstance(event, Piece) and event.text:
                for frame in self._message():
                    yield frame
                yield self._text("delta", delta=event.text, logprobs=[])
            elif isinstance(event, End):
                for frame in self._closing(event.answer):
                    yield frame

    def _opening(self) -> Iterator[str]:
        begun = of_turn(self._turn, self._told, None).model_dump()
        yield self._event("response.created", response=begun)
        yield self._event("response.in_progress", response=begun)

    def _message(self) -> Iterator[str]:
        """The beginning of the message, with its first text or where there is nothing else."""
        if self._speaks:
            return
        self._speaks = True
        item = OutputMessage(id=self._item, status="in_progress", content=[]).model_dump()
        yield self._event("response.output_item.added", output_index=0, item=item)
        yield self._part("added", OutputText(text=""))

    def _closing(self, answer: Answer) -> Iterator[str]:
        ended = of_turn(self._turn, self._told, answer)
        for index, item in enumerate(ended.output):
            if isinstance(item, OutputCall):
                yield from self._call(index, item)
            else:
                yield from self._message()
                yield self._text("done", text=answer.shown, logprobs=[])
                yield self._part("done", OutputText(text=answer.shown))
            yield self._event(
                "response.output_item.done", output_index=index, item=item.model_dump()
            )
        yield self._event(f"response.{ended.status}", response=ended.model_dump())

    def _call(self, index: int, call: OutputCall) -> Iterator[str]:
        begun = call.model_copy(update={"status": "in_progress", "arguments": ""})
        item, place = begun.model_dump(), {"item_id": call.id, "output_index": index}
        yield self._event("response.output_item.added", output_index=index, item=item)
        kind, told = "response.function_call_arguments", call.arguments
        yield self._event(f"{kind}.delta", **place, delta=told)
        yield self._event(f"{kind}.done", **place, name=call.name, arguments=told)

    def _failed(self, failure: Failure) -> str:
        message = as_api_error(failure.error).detail.message
        begun = of_turn(self._turn, self._told, None)
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
        return f"event: {kind}\ndata: {json.dumps(data)}\n\n"
