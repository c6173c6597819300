"""Memory for keys and values: blocks of a few tokens, in one pool that all sequences share.

Sequences that begin alike share blocks (as in vLLM, Kwon et al. 2023, section 4).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any


class BlockPool:
    """A fixed number of blocks with reference counts. ``arrays`` are [blocks, …], keys and values.

    The system allocates memory only when a block is first written, and the block freed last is
    reused first.
    """

    def __init__(self, arrays: Sequence[Any], count: int, size: int) -> None:
        self.size = size  # tokens of a block
        self.total = count
        self._arrays = arrays
        self._free = list(range(count))[::-1]
        self._references: Counter[int] = Counter()

    @property
    def free(self) -> int:
        """Blocks without a reference."""
        return len(self._free)

    def count(self, tokens: int) -> int:
        """Blocks that so many tokens fill, the last one perhaps in part."""
        return -(-tokens // self.size)

    def allocate(self) -> int:
        """A free block, with one reference."""
        block = self._free.pop()
        self._references[block] = 1
        return block

    def share(self, blocks: Iterable[int]) -> list[int]:
        """The same blocks, each with one more reference."""
        shared = list(blocks)
        self._references.update(shared)
        return shared

    def release(self, blocks: Iterable[int]) -> None:
        """Take one reference from each block; a block without any is free."""
        for block in blocks:
            self._references[block] -= 1
            if not self._references[block]:
                del self._references[block]
                self._free.append(block)

    def copy(self, block: int) -> int:
        """A new block with the same content."""
        own = self.allocate()
        for array in self._arrays:
            array[own] = array[block]
        return own


class BlockTable:
    """Where the keys and values of one sequence are: of ``tokens``, in ``blocks``, in order."""

    def __init__(self, pool: BlockPool) -> None:
        self.pool = pool
        self.tokens: list[int] = []
        self.blocks: list[int] = []

    @property
    def length(self) -> int:
        """Tokens whose keys and values are stored."""
        return len(self.tokens)

    def reserve(self, length: int) -> None:
        """Allocate blocks for ``length`` tokens in all."""
        while len(self.blocks) < self.pool.count(length):
            self.blocks.append(self.pool.allocate())

    def advance(self, tokens: Sequence[int]) -> None:
        """Record that every layer has written these tokens."""
        self.tokens.extend(tokens)

    def trim(self) -> None:
        """Release the blocks that hold no token."""
        used = self.pool.count(self.length)
        self.pool.release(self.blocks[used:])
        del self.blocks[used:]

    def release(self) -> None:
        """Release all blocks."""
        self.tokens = []
        self.trim()

    def prefix(self, length: int) -> "BlockTable":
        """The first ``length`` tokens: full blocks are shared, a partial one is copied."""
        full, rest = divmod(length, self.pool.size)
        prefix = BlockTable(self.pool)
        prefix.blocks = self.pool.share(self.blocks[:full])
        if rest:
            prefix.blocks.append(self.pool.copy(self.blocks[full]))
        prefix.tokens = self.tokens[:length]
        return prefix
