"""The keys and values of ended sequences, so that the next turn computes only what is new."""

from collections.abc import Sequence

from server.generators.embedded.block_pool import BlockPool, BlockTable


class PrefixCache:
    """Ended sequences in order of last use; the least recently used one is evicted first."""

    def __init__(self, pool: BlockPool) -> None:
        self._pool = pool
        self._cached: list[BlockTable] = []  # least recently used first

    def insert(self, ended: BlockTable) -> None:
        """Take over the blocks of a sequence that has ended."""
        ended.trim()
        if ended.length:
            self._cached.append(ended)

    def allocate(
        self, prompt: Sequence[int], max_length: int, running: Sequence[BlockTable]
    ) -> BlockTable | None:
        """Blocks for ``max_length`` tokens, with the longest prefix of ``prompt`` that is stored.

        At least one token of the prompt is left to compute, since its logits are needed. None
        while the running sequences leave too few blocks.
        """
        best, shared = self._longest_match(prompt, running)
        lent = shared // self._pool.size if best in running else 0
        held = {block for each in running for block in each.blocks}
        if self._pool.count(max_length) - lent > self._pool.total - len(held):
            return None
        table = self._prefix_of(best, shared) if best else BlockTable(self._pool)
        self._evict_until_free(self._pool.count(max_length) - len(table.blocks))
        table.reserve(max_length)
        return table

    def _longest_match(
        self, prompt: Sequence[int], running: Sequence[BlockTable]
    ) -> tuple[BlockTable | None, int]:
        """The stored sequence that shares the longest prefix, and its length in tokens."""
        stored = [*running, *self._cached]
        lengths = [common_prefix(prompt[:-1], each.tokens) for each in stored]
        shared = max(lengths, default=0)
        return (stored[lengths.index(shared)], shared) if shared else (None, 0)

    def _prefix_of(self, best: BlockTable, shared: int) -> BlockTable:
        """A prefix of a stored sequence; a cached one becomes the last used, or is used up."""
        if best in self._cached:
            self._cached.remove(best)
            self._cached.append(best)
        while not self._pool.free and self._cached and self._cached[0] is not best:
            self._cached.pop(0).release()
        if not self._pool.free:  # no block for the copy of a partial one
            shared -= shared % self._pool.size
        prefix = best.prefix(shared)
        if best in self._cached and shared == best.length:
            self._cached.remove(best)
            best.release()
        return prefix

    def _evict_until_free(self, blocks: int) -> None:
        while self._pool.free < blocks:
            self._cached.pop(0).release()


def common_prefix(one: Sequence[int], other: Sequence[int]) -> int:
    """Length of the prefix that two token sequences share."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))
