"""An answer being written: which tokens belong to the text that was shown."""

import asyncio
from collections.abc import Sequence

from chat_service import WORDS

from moderation.classifier import KeywordClassifier
from moderation.rules import ModerationRules
from moderation.stream import StreamFilter
from server.chat.response import TurnResponse
from server.generators.generator import Sampling, Token


def tokens(*texts: str) -> list[Token]:
    return [Token(text, number, -0.5) for number, text in enumerate(texts)]


def write(answer: TurnResponse, given: Sequence[Token]) -> list[tuple[str, list[str]]]:
    """What was shown piece by piece, each with the texts of its tokens."""

    async def run() -> list[tuple[str, list[str]]]:
        pieces = [await answer.take(token) for token in given]
        pieces.append(await answer.finish())
        return [(each.text, [token.text for token in each.tokens]) for each in pieces]

    return asyncio.run(run())


def filtered() -> TurnResponse:
    rules = ModerationRules().response
    return TurnResponse(0, Sampling(), filter=StreamFilter(KeywordClassifier(WORDS), rules))


def test_without_a_filter_each_token_is_a_piece() -> None:
    assert write(TurnResponse(0, Sampling()), tokens("a", "b")) == [
        ("a", ["a"]),
        ("b", ["b"]),
        ("", []),
    ]


def test_a_token_without_text_waits_for_the_one_that_completes_it() -> None:
    answer = TurnResponse(0, Sampling())
    assert write(answer, tokens("", "é", "")) == [("", []), ("é", ["", "é"]), ("", []), ("", [])]
    assert len(answer.kept_tokens) == 3


def test_tokens_are_shown_with_their_text_only() -> None:
    answer = filtered()
    pieces = write(answer, tokens(*(f"word{n} " for n in range(30)), ""))
    shown, completed = "", ""
    for text, done in pieces:
        shown += text
        completed += "".join(done)
        assert shown.startswith(completed)
    assert shown == completed == answer.shown
    assert len(answer.kept_tokens) == 31


def test_of_a_blocked_answer_only_tokens_that_were_shown_are_kept() -> None:
    answer = filtered()
    write(answer, tokens(*["safe "] * 20, "vile", "word ", *["more "] * 20))
    assert answer.blocked and answer.finish_reason == "content_filter"
    kept = "".join(token.text for token in answer.kept_tokens)
    assert answer.shown.startswith(kept) and len(answer.shown) - len(kept) < len("safe ")
    assert "vile" not in answer.shown


def test_a_stream_that_gave_no_reason_was_cancelled() -> None:
    answer = TurnResponse(0, Sampling())
    write(answer, tokens("a"))
    assert answer.finish_reason == "cancelled"
