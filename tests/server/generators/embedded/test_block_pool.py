"""Sequences share the blocks of what they have in common, and the pool never leaks one."""

import pytest
from block_tables import SIZE, filled, new_pool, stored, write


def test_a_table_allocates_blocks_as_it_needs_them() -> None:
    pool = new_pool()
    table = filled(pool, list(range(9)))
    assert (len(table.blocks), pool.free) == (3, 13)
    table.release()
    assert (table.blocks, pool.free) == ([], 16)


def test_a_prefix_shares_whole_blocks_and_copies_the_rest() -> None:
    pool = new_pool()
    table = filled(pool, list(range(10)))
    prefix = table.prefix(6)
    assert prefix.blocks[0] == table.blocks[0]
    assert prefix.blocks[1] != table.blocks[1]
    prefix.reserve(7)
    write(prefix, [99])
    assert (stored(table), stored(prefix)) == (list(range(10)), [0, 1, 2, 3, 4, 5, 99])


def test_a_shared_block_is_free_without_references() -> None:
    pool = new_pool()
    table = filled(pool, list(range(8)))
    prefix = table.prefix(4)
    table.release()
    assert pool.free == 15
    prefix.release()
    assert pool.free == 16


@pytest.mark.parametrize("tokens", [0, 1, 4, 5])
def test_blocks_are_counted_up(tokens: int) -> None:
    assert new_pool().count(tokens) == -(-tokens // SIZE)
