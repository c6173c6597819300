"""A turn as an OpenAI chat completion, or as the chunks of a stream."""

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, cast, get_args

from server.chat.response import ResponseDelta, TurnResponse
from server.chat.turn import ResponseDone, Turn, TurnError
from server.chat.usage import TokenUsage
from server.generators.generator import Alternative, Token
from server.http.errors import as_api_error
from server.openai.moderation import as_notice, moderated
from server.openai.sse import DONE, error_frame, frame
from server.openai.tool_calls import called_tool
from server.schemas.openai.chat import (
    ChatCompletion,
    ChatCompletionChunk,
    Choice,
    ChoiceLogprobs,
    ChunkChoice,
    ChunkInfo,
    CompletionMessage,
    CompletionUsage,
    Delta,
    FinishReason,
    TokenLogprob,
    TopLogprob,
    TurnInfo,
    TurnModeration,
)
from server.schemas.openai.moderation_field import Moderated
from server.schemas.openai.sampling import StreamOptions
from server.schemas.openai.tools import CalledTool, CalledToolDelta
from tutelage.tables import Message, StoredCompletion


def of_turn(
    turn: Turn, deltas: Sequence[ResponseDelta], logprobs: bool, scored: bool = False
) -> ChatCompletion:
    """The reply to a request without ``stream``; ``deltas`` are all that were shown."""
    return ChatCompletion(
        id=turn.completion_id,
        created=turn.created,
        model=turn.policy_id,
        choices=[
            Choice(
                index=response.choice,
                message=CompletionMessage(
                    content=response.new_text,
                    tool_calls=[called_tool(call) for call in response.tool_calls] or None,
                ),
                logprobs=_logprobs(tokens_of(deltas, response)) if logprobs else None,
                finish_reason=finish_reason(response.finish_reason),
            )
            for response in turn.responses
        ],
        usage=token_counts(turn.usage),
        system_fingerprint=turn.policy_id,
        moderation=_moderated(turn) if scored else None,
        tutelage=TurnInfo(
            conversation_id=turn.prompt.conversation_id,
            prompt_message_id=turn.prompt.message_id,
            message_ids=[response.id for response in turn.responses],
            moderation=turn_moderation(turn, turn.responses),
        ),
    )


def of_stored(stored: StoredCompletion, responses: Sequence[Message]) -> ChatCompletion:
    """A stored completion, as it was sent."""
    return ChatCompletion(
        id=stored.id,
        created=int(stored.created_at),
        model=stored.policy_id,
        choices=[
            Choice(
                index=each.choice or 0,
                message=CompletionMessage(
                    content=each.content[(each.sampling or {}).get("continued", 0) :],
                    tool_calls=[CalledTool(**call) for call in each.tool_calls or ()] or None,
                ),
                finish_reason=finish_reason(each.finish_reason),
            )
            for each in responses
        ],
        usage=token_counts(TokenUsage.of_stored(responses)),
        system_fingerprint=stored.policy_id,
        metadata=stored.tags,
        tutelage=TurnInfo(
            conversation_id=stored.conversation_id,
            prompt_message_id=stored.prompt_message_id,
            message_ids=[each.id for each in responses],
        ),
    )


class CompletionEvents:
    """The events of one streamed completion: chunks as JSON, without unchanged fields."""

    def __init__(
        self, turn: Turn, logprobs: bool, options: StreamOptions, scored: bool = False
    ) -> None:
        self._turn = turn
        self._with_logprobs = logprobs
        self._include_usage = bool(options.include_usage)
        self._continuous = bool(options.continuous_usage_stats)
        self._scored = scored

    async def frames(self) -> AsyncIterator[str]:
        """All events; an error in the middle is an event too, and the last."""
        for chunk in self._opening():
            yield frame(chunk)
        async for event in self._turn.events():
            if isinstance(event, TurnError):
                yield error_frame(as_api_error(event.error))
                return
            yield frame(self._end(event) if isinstance(event, ResponseDone) else self._new(event))
        for chunk in self._closing():
            yield frame(chunk)
        yield frame(DONE)

    def _opening(self) -> Iterator[str]:
        """One chunk per choice with the role; the first carries the ids."""
        for response in self._turn.responses:
            role = Delta(role="assistant", content="")
            info = self._ids() if response.choice == 0 else None
            yield self._chunk([ChunkChoice(index=response.choice, delta=role, **_open())], info)

    def _new(self, delta: ResponseDelta) -> str:
        """New text, or tool calls."""
        logprobs = _logprobs(delta.tokens) if self._with_logprobs else None
        choice = ChunkChoice(
            index=delta.choice,
            delta=_delta(delta),
            logprobs=logprobs,
            finish_reason=None,
        )
        return self._chunk([choice])

    def _end(self, done: ResponseDone) -> str:
        """The last chunk of a choice, with what moderation did to it."""
        choice = ChunkChoice(
            index=done.response.choice,
            delta=Delta(),
            logprobs=None,
            finish_reason=finish_reason(done.response.finish_reason),
        )
        moderation = turn_moderation(self._turn, [done.response])
        return self._chunk([choice], ChunkInfo(moderation=moderation) if moderation else None)

    def _closing(self) -> Iterator[str]:
        """The chunks after all choices: moderation scores, then token counts, if asked for."""
        if self._scored:
            yield self._chunk([], moderation=_moderated(self._turn))
        if self._include_usage:
            yield self._chunk([], usage=token_counts(self._turn.usage))

    def _ids(self) -> ChunkInfo:
        turn = self._turn
        ids: dict[str, Any] = {
            "conversation_id": turn.prompt.conversation_id,
            "prompt_message_id": turn.prompt.message_id,
            "message_ids": [response.id for response in turn.responses],
        }
        if turn.prompt_notice:
            ids["moderation"] = turn_moderation(turn, [])
        return ChunkInfo(**ids)

    def _chunk(
        self,
        choices: list[ChunkChoice],
        info: ChunkInfo | None = None,
        usage: CompletionUsage | None = None,
        moderation: Moderated | None = None,
    ) -> str:
        fields: dict[str, Any] = {"tutelage": info} if info else {}
        if moderation:
            fields["moderation"] = moderation
        if self._include_usage:
            so_far = token_counts(self._turn.usage) if self._continuous else None
            fields["usage"] = usage or so_far
        chunk = ChatCompletionChunk(
            id=self._turn.completion_id,
            object="chat.completion.chunk",
            created=self._turn.created,
            model=self._turn.policy_id,
            system_fingerprint=self._turn.policy_id,
            choices=choices,
            **fields,
        )
        return chunk.model_dump_json(exclude_unset=True)


def _delta(delta: ResponseDelta) -> Delta:
    fields: dict[str, Any] = {"content": delta.text} if delta.text else {}
    if delta.tool_calls:
        fields["tool_calls"] = [
            CalledToolDelta(index=index, **called_tool(call).model_dump())
            for index, call in enumerate(delta.tool_calls)
        ]
    return Delta(**fields)


def _open() -> dict[str, None]:
    return {"logprobs": None, "finish_reason": None}


def finish_reason(reason: str | None) -> FinishReason:
    """OpenAI's word; of a cancelled response, whose client disconnected, ``stop``."""
    return cast(FinishReason, reason if reason in get_args(FinishReason) else "stop")


def token_counts(usage: TokenUsage) -> CompletionUsage:
    return CompletionUsage(
        prompt_tokens=usage.prompt, completion_tokens=usage.response, total_tokens=usage.total
    )


def turn_moderation(turn: Turn, ended: Sequence[TurnResponse]) -> TurnModeration | None:
    """What moderation did to the prompt and to the responses that have ended, by choice."""
    done = {response.choice: response.notice for response in ended}
    responses = [done.get(response.choice) for response in turn.responses]
    if turn.prompt_notice is None and not any(responses):
        return None
    return TurnModeration(
        prompt=as_notice(turn.prompt_notice), responses=[as_notice(each) for each in responses]
    )


def _moderated(turn: Turn) -> Moderated:
    written = [response.verdict for response in turn.responses if response.stream]
    return moderated(turn.prompt_verdict, written)


def tokens_of(deltas: Sequence[ResponseDelta], response: TurnResponse) -> list[Token]:
    return [token for each in deltas if each.choice == response.choice for token in each.tokens]


def _logprobs(tokens: Sequence[Token]) -> ChoiceLogprobs:
    content = [
        TokenLogprob(
            token=token.text,
            logprob=token.logprob,
            bytes=list(token.text.encode()),
            top_logprobs=[alternative(each) for each in token.top],
        )
        for token in tokens
    ]
    return ChoiceLogprobs(content=content, refusal=None)


def alternative(token: Alternative) -> TopLogprob:
    """One of the most probable tokens, with its own bytes."""
    raw = token.text.encode() if token.raw is None else token.raw
    return TopLogprob(token=token.text, logprob=token.logprob, bytes=list(raw))
