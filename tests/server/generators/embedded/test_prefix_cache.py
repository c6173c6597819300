"""A prompt starts from the longest prefix that is stored; old sequences make room for new ones."""

from block_tables import filled, new_pool, stored, write
from hypothesis import given, settings
from hypothesis import strategies as st

from server.generators.embedded.block_pool import BlockTable
from server.generators.embedded.prefix_cache import PrefixCache


def test_the_longest_stored_prefix_is_used() -> None:
    pool = new_pool()
    cache = PrefixCache(pool)
    cache.insert(filled(pool, [1, 2, 3]))
    cache.insert(filled(pool, [1, 2, 3, 4, 5, 6]))
    table = cache.allocate([1, 2, 3, 4, 9, 9], 8, [filled(pool, [1, 2])])
    assert table and table.tokens == stored(table) == [1, 2, 3, 4]


def test_the_last_token_of_a_prompt_is_always_computed() -> None:
    pool = new_pool()
    cache = PrefixCache(pool)
    cache.insert(filled(pool, [1, 2, 3]))
    table = cache.allocate([1, 2, 3], 4, [])
    assert table and table.tokens == [1, 2]


def test_the_least_recently_used_sequences_are_evicted() -> None:
    pool = new_pool(4)
    cache = PrefixCache(pool)
    for first in (10, 20, 30):
        cache.insert(filled(pool, [first, first + 1, first + 2]))
    running = cache.allocate([40, 41], 8, [])
    assert running
    table = cache.allocate([30, 31, 32, 33], 8, [running])
    assert table and table.tokens == [30, 31, 32]


def test_a_response_waits_while_others_hold_the_pool() -> None:
    pool = new_pool(4)
    cache = PrefixCache(pool)
    running = filled(pool, list(range(12)))
    assert cache.allocate([50, 51], 8, [running]) is None
    assert pool.free == 1
    assert cache.allocate([50, 51], 4, [running])


prompts = st.lists(st.lists(st.integers(0, 2), min_size=2, max_size=14), max_size=30)


@settings(deadline=None)
@given(prompts, st.integers(5, 12))
def test_blocks_hold_what_they_should_and_none_is_lost(asked: list[list[int]], count: int) -> None:
    pool = new_pool(count)
    cache = PrefixCache(pool)
    running: list[BlockTable] = []
    for number, prompt in enumerate(asked):
        table = cache.allocate(prompt, len(prompt) + 3, running)
        if table is None:
            assert running, "an empty pool always has room"
            cache.insert(running.pop(0))
            continue
        write(table, prompt[table.length :])
        running.append(table)
        assert all(stored(each) == each.tokens for each in running)
        if number % 3 == 0:
            cache.insert(running.pop())
    held = {block for each in [*running, *cache._cached] for block in each.blocks}
    assert pool.free + len(held) == count
