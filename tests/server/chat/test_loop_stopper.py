"""When a response repeats itself."""

import pytest
from chat_service import Gated, new_services, serve
from hypothesis import given
from hypothesis import strategies as st

from server.chat.loop_stopper import LONGEST_PASSAGE, REPETITIONS, LoopStopper
from tutelage.composition import Core


def stops_at(tokens: list[int], limit: int = 64) -> int | None:
    """The number of tokens after which it stops."""
    loop = LoopStopper(limit)
    return next((count for count, each in enumerate(tokens, 1) if loop.push(each)), None)


def test_one_token_over_and_over_stops_at_the_limit() -> None:
    assert stops_at([7] * 200) == 64
    assert stops_at([1, 2, 3] + [7] * 200) == 67


@pytest.mark.parametrize("period", [2, 5, 16, 17, 30, LONGEST_PASSAGE])
def test_a_passage_stops_once_it_was_said_often_enough(period: int) -> None:
    assert stops_at(list(range(period)) * 40) == max(64, REPETITIONS * period)


def test_longer_passages_and_lists_that_count_go_on() -> None:
    assert stops_at(list(range(LONGEST_PASSAGE + 1)) * 20) is None
    assert stops_at([part for number in range(300) for part in (1, 2, 1000 + number)]) is None


def test_0_never_stops() -> None:
    assert stops_at([7] * 2000, limit=0) is None


@given(st.lists(st.integers(0, 2), max_size=63))
def test_fewer_tokens_than_the_limit_never_stop(tokens: list[int]) -> None:
    assert stops_at(tokens) is None


def test_a_looping_response_ends_with_length_and_keeps_what_was_shown(core: Core) -> None:
    with serve(new_services(core, loop_tokens=64), core) as service:
        completion = service.ask("again and " * 400)
    choice = completion["choices"][0]
    assert choice["finish_reason"] == "length"
    assert choice["message"]["content"] == "again and " * 32
    assert completion["usage"]["completion_tokens"] == 64


def test_the_generator_is_stopped(core: Core) -> None:
    generator = Gated(free=10_000)
    with serve(new_services(core, generator, loop_tokens=64), core) as service:
        service.ask("again " * 1000)
    assert generator.running == 0 and generator.said < 80


def test_operators_switch_it_off(core: Core) -> None:
    with serve(new_services(core, loop_tokens=0), core) as service:
        choice = service.ask("again " * 100, max_tokens=200)["choices"][0]
    assert choice["finish_reason"] == "stop"
