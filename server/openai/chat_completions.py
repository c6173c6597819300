"""A turn in OpenAI's words: the completion, or the chunks of a stream."""

from collections.abc import Iterator, Sequence
from typing import Any, cast, get_args

from server.chat.moderation import moderated
from server.chat.response import Answer, Piece
from server.chat.turn import End, Turn
from server.generators.generator import Token
from server.schemas.openai.chat import (
    AnswerMessage,
    ChatCompletion,
    ChatCompletionChunk,
    Choice,
    ChoiceLogprobs,
    ChunkChoice,
    ChunkInfo,
    Delta,
    FinishReason,
    TokenLogprob,
    TopLogprob,
    TurnInfo,
    TurnModeration,
    Usage,
)
from server.schemas.openai.moderation_field import Moderated
from server.schemas.openai.tools import CalledTool, CalledToolDelta
from tutelage.tables import Message, StoredCompletion


def whole(
    turn: Turn, pieces: Sequence[Piece], logprobs: bool, scored: bool = False
) -> ChatCompletion:
    """The answer to a request without ``stream``; ``pieces`` are all that were shown."""
    return ChatCompletion(
        id=turn.completion_id,
        created=turn.created,
        model=turn.policy_id,
        choices=[
            Choice(
                index=answer.choice,
                message=AnswerMessage(content=answer.shown, tool_calls=answer.calls or None),
                logprobs=_logprobs(_tokens(pieces, answer)) if logprobs else None,
                finish_reason=_reason(answer),
            )
            for answer in turn.answers
        ],
        usage=_usage(turn),
        system_fingerprint=turn.policy_id,
        moderation=_moderated(turn) if scored else None,
        tutelage=TurnInfo(
            conversation_id=turn.prompt.conversation_id,
            prompt_message_id=turn.prompt.message_id,
            message_ids=[answer.id for answer in turn.answers],
            moderation=_moderation(turn, turn.answers),
        ),
    )


def restored(stored: StoredCompletion, answers: Sequence[Message]) -> ChatCompletion:
    """A stored completion, as it was answered."""
    prompt = next((each.prompt_tokens or 0 for each in answers), 0)
    written = sum(len(each.token_ids or ()) for each in answers)
    return ChatCompletion(
        id=stored.id,
        created=int(stored.created_at),
        model=stored.policy_id,
        choices=[
            Choice(
                index=each.choice or 0,
                message=AnswerMessage(
                    content=each.content,
                    tool_calls=[CalledTool(**call) for call in each.tool_calls or ()] or None,
                ),
                finish_reason=_openai_reason(each.finish_reason),
            )
            for each in answers
        ],
        usage=Usage(prompt_tokens=prompt, completion_tokens=written, total_tokens=prompt + written),
        system_fingerprint=stored.policy_id,
        metadata=stored.tags,
        tutelage=TurnInfo(
            conversation_id=stored.conversation_id,
            prompt_message_id=stored.prompt_message_id,
            message_ids=[each.id for each in answers],
        ),
    )


class Chunks:
    """The chunks of one streamed turn, as JSON: fields that say nothing new are left out."""

    def __init__(
        self, turn: Turn, logprobs: bool, include_usage: bool, scored: bool = False
    ) -> None:
        self._turn = turn
        self._with_logprobs = logprobs
        self._include_usage = include_usage
        self._scored = scored

    def opening(self) -> Iterator[str]:
        """One chunk per choice that says who speaks; the first carries the ids."""
        for answer in self._turn.answers:
            role = Delta(role="assistant", content="")
            info = self._ids() if answer.choice == 0 else None
            yield self._chunk([ChunkChoice(index=answer.choice, delta=role, **_open())], info)

    def piece(self, piece: Piece) -> str:
        """New text, or calls."""
        logprobs = _logprobs(piece.tokens) if self._with_logprobs else None
        choice = ChunkChoice(
            index=piece.choice,
            delta=_delta(piece),
            logprobs=logprobs,
            finish_reason=None,
        )
        return self._chunk([choice])

    def end(self, end: End) -> str:
        """The last chunk of a choice, with what moderation did to it."""
        choice = ChunkChoice(
            index=end.answer.choice,
            delta=Delta(),
            logprobs=None,
            finish_reason=_reason(end.answer),
        )
        moderation = _moderation(self._turn, [end.answer])
        return self._chunk([choice], ChunkInfo(moderation=moderation) if moderation else None)

    def closing(self) -> Iterator[str]:
        """The chunks after all choices: moderation scores, then token counts, if asked for."""
        if self._scored:
            yield self._chunk([], moderation=_moderated(self._turn))
        if self._include_usage:
            yield self._chunk([], usage=_usage(self._turn))

    def _ids(self) -> ChunkInfo:
        turn = self._turn
        ids: dict[str, Any] = {
            "conversation_id": turn.prompt.conversation_id,
            "prompt_message_id": turn.prompt.message_id,
            "message_ids": [answer.id for answer in turn.answers],
        }
        if turn.prompt_notice:
            ids["moderation"] = _moderation(turn, [])
        return ChunkInfo(**ids)

    def _chunk(
        self,
        choices: list[ChunkChoice],
        info: ChunkInfo | None = None,
        usage: Usage | None = None,
        moderation: Moderated | None = None,
    ) -> str:
        fields: dict[str, Any] = {"tutelage": info} if info else {}
        if moderation:
            fields["moderation"] = moderation
        if self._include_usage:
            fields["usage"] = usage
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


def _delta(piece: Piece) -> Delta:
    said: dict[str, Any] = {"content": piece.text} if piece.text else {}
    if piece.calls:
        said["tool_calls"] = [
            CalledToolDelta(index=index, **call.model_dump())
            for index, call in enumerate(piece.calls)
        ]
    return Delta(**said)


def _open() -> dict[str, None]:
    return {"logprobs": None, "finish_reason": None}


def _reason(answer: Answer) -> FinishReason:
    return _openai_reason(answer.finish_reason)


def _openai_reason(reason: str | None) -> FinishReason:
    """OpenAI's word; a cancelled answer has no reader that could mind it."""
    return cast(FinishReason, reason if reason in get_args(FinishReason) else "stop")


def _usage(turn: Turn) -> Usage:
    prompt, response = turn.prompt_tokens, turn.response_tokens
    return Usage(prompt_tokens=prompt, completion_tokens=response, total_tokens=prompt + response)


def _moderation(turn: Turn, ended: Sequence[Answer]) -> TurnModeration | None:
    """What moderation did to the prompt and to the answers that have ended, by choice."""
    done = {answer.choice: answer.notice for answer in ended}
    responses = [done.get(answer.choice) for answer in turn.answers]
    if turn.prompt_notice is None and not any(responses):
        return None
    return TurnModeration(prompt=turn.prompt_notice, responses=responses)


def _moderated(turn: Turn) -> Moderated:
    written = [answer.verdict for answer in turn.answers if answer.stream]
    return moderated(turn.prompt_verdict, written)


def _tokens(pieces: Sequence[Piece], answer: Answer) -> list[Token]:
    return [token for piece in pieces if piece.choice == answer.choice for token in piece.tokens]


def _logprobs(tokens: Sequence[Token]) -> ChoiceLogprobs:
    content = [
        TokenLogprob(
            token=token.text,
            logprob=token.logprob,
            bytes=list(token.text.encode()),
            top_logprobs=[
                TopLogprob(token=each.text, logprob=each.logprob, bytes=list(each.text.encode()))
                for each in token.top
            ],
        )
        for token in tokens
    ]
    return ChoiceLogprobs(content=content, refusal=None)
