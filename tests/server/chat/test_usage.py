"""Token counts of a turn."""

from server.chat.response import TurnResponse
from server.chat.usage import TokenUsage
from server.generators.generator import Sampling, Token
from tutelage.tables import Message

WORD = Token("word", 0, -0.5)


def written(choice: int, prompt_tokens: int, tokens: int) -> TurnResponse:
    """A response of so many tokens."""

    class Stream:
        policy_id, finish_reason = "policy-0000", "stop"

    stream = Stream()
    stream.prompt_tokens = prompt_tokens  # type: ignore[attr-defined]
    return TurnResponse(choice, Sampling(), stream, tokens=[WORD] * tokens)  # type: ignore[arg-type]


def test_the_prompt_counts_once_for_all_choices() -> None:
    used = TokenUsage.of([written(0, 7, 3), written(1, 7, 2)])
    assert (used.prompt, used.response, used.total) == (7, 5, 12)
    assert TokenUsage.of([written(1, 7, 2)]) == TokenUsage(0, 2)


def test_a_refused_prompt_costs_nothing() -> None:
    assert TokenUsage.of([TurnResponse(0, Sampling())]) == TokenUsage(0, 0)


def test_stored_choices_count_as_they_were_written() -> None:
    rows = [Message(prompt_tokens=7, token_ids=[1, 2, 3]), Message(prompt_tokens=7, token_ids=None)]
    assert TokenUsage.of_stored(rows) == TokenUsage(7, 3)
