"""Sequences share the blocks of what they have in common, and the pool never leaks one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.generators.embedded.block_pool import Blocks, KeyValues, PrefixStore

SIZE = 4


def new_pool(count: int = 16) -> Blocks:
    """A pool whose one array holds, per block, the tokens that were written to it."""
    return Blocks([np.full([count, SIZE], -1)], count, SIZE)


def write(kv: KeyValues, tokens: list[int]) -> None:
    """What the graph does: each token in its place."""
    for position, token in enumerate(tokens, kv.length):
        kv.pool._arrays[0][kv.blocks[position // SIZE], position % SIZE] = token
    kv.advance(tokens)


def stored(kv: KeyValues) -> list[int]:
    """What lies in the blocks of a sequence."""
    flat = [int(token) for block in kv.blocks for token in kv.pool._arrays[0][block]]
    return flat[: kv.length]


def sequence(pool: Blocks, tokens: list[int]) -> KeyValues:
    kv = KeyValues(pool)
    kv.reserve(len(tokens))
    write(kv, tokens)
    return kv


def test_a_sequence_takes_blocks_as_it_needs_them() -> None:
    pool = new_pool()
    kv = sequence(pool, list(range(9)))
    assert (len(kv.blocks), pool.free) == (3, 13)
    kv.drop()
    assert (kv.blocks, pool.free) == ([], 16)


def test_a_prefix_shares_whole_blocks_and_copies_the_rest() -> None:
    pool = new_pool()
    kv = sequence(pool, list(range(10)))
    beginning = kv.prefix(6)
    assert beginning.blocks[0] == kv.blocks[0]
    assert beginning.blocks[1] != kv.blocks[1]
    beginning.reserve(7)
    write(beginning, [99])
    assert (stored(kv), stored(beginning)) == (list(range(10)), [0, 1, 2, 3, 4, 5, 99])


def test_a_shared_block_is_free_once_nobody_holds_it() -> None:
    pool = new_pool()
    kv = sequence(pool, list(range(8)))
    beginning = kv.prefix(4)
    kv.drop()
    assert pool.free == 15
    beginning.drop()
    assert pool.free == 16


def test_the_longest_known_beginning_is_used() -> None:
    pool = new_pool()
    store = PrefixStore(pool)
    store.keep(sequence(pool, [1, 2, 3]))
    store.keep(sequence(pool, [1, 2, 3, 4, 5, 6]))
    begun = store.begin([1, 2, 3, 4, 9, 9], 8, [sequence(pool, [1, 2])])
    assert begun and begun.tokens == stored(begun) == [1, 2, 3, 4]


def test_the_last_token_of_a_prompt_is_always_computed() -> None:
    pool = new_pool()
    store = PrefixStore(pool)
    store.keep(sequence(pool, [1, 2, 3]))
    begun = store.begin([1, 2, 3], 4, [])
    assert begun and begun.tokens == [1, 2]


def test_the_oldest_sequences_make_room() -> None:
    pool = new_pool(4)
    store = PrefixStore(pool)
    for first in (10, 20, 30):
        store.keep(sequence(pool, [first, first + 1, first + 2]))
    running = store.begin([40, 41], 8, [])
    assert running
    begun = store.begin([30, 31, 32, 33], 8, [running])
    assert begun and begun.tokens == [30, 31, 32]


def test_a_response_waits_while_others_hold_the_pool() -> None:
    pool = new_pool(4)
    store = PrefixStore(pool)
    running = sequence(pool, list(range(12)))
    assert store.begin([50, 51], 8, [running]) is None
    assert pool.free == 1
    assert store.begin([50, 51], 4, [running])


prompts = st.lists(st.lists(st.integers(0, 2), min_size=2, max_size=14), max_size=30)


@settings(deadline=None)
@given(prompts, st.integers(5, 12))
def test_whatever_is_asked_blocks_hold_what_they_should_and_none_is_lost(
    asked: list[list[int]], count: int
) -> None:
    pool = new_pool(count)
    store = PrefixStore(pool)
    running: list[KeyValues] = []
    for number, prompt in enumerate(asked):
        begun = store.begin(prompt, len(prompt) + 3, running)
        if begun is None:
            assert running, "an empty pool always has room"
            store.keep(running.pop(0))
            continue
        write(begun, prompt[begun.length :])
        running.append(begun)
        assert all(stored(each) == each.tokens for each in running)
        if number % 3 == 0:
            store.keep(running.pop())
    held = {block for each in [*running, *store._kept] for block in each.blocks}
    assert pool.free + len(held) == count


@pytest.mark.parametrize("tokens", [0, 1, 4, 5])
def test_blocks_are_counted_up(tokens: int) -> None:
    assert new_pool().count(tokens) == -(-tokens // SIZE)
