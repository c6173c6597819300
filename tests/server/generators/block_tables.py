"""Block tables over a pool whose content can be read back."""

import numpy as np

from server.generators.embedded.block_pool import BlockPool, BlockTable

SIZE = 4


def new_pool(count: int = 16) -> BlockPool:
    """A pool whose one array holds, per block, the tokens that were written to it."""
    return BlockPool([np.full([count, SIZE], -1)], count, SIZE)


def write(table: BlockTable, tokens: list[int]) -> None:
    """What the graph does: each token in its place."""
    for position, token in enumerate(tokens, table.length):
        table.pool._arrays[0][table.blocks[position // SIZE], position % SIZE] = token
    table.advance(tokens)


def stored(table: BlockTable) -> list[int]:
    """The tokens that lie in the blocks of a sequence."""
    flat = [int(token) for block in table.blocks for token in table.pool._arrays[0][block]]
    return flat[: table.length]


def filled(pool: BlockPool, tokens: list[int]) -> BlockTable:
    table = BlockTable(pool)
    table.reserve(len(tokens))
    write(table, tokens)
    return table
