"""Keys and values that attention has computed: of each sequence, and of those that ended lately.

They lie in blocks of a few tokens, of which all sequences of a policy share one pool; sequences
that begin alike share blocks (as in vLLM, Kwon et al. 2023).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any


class Blocks:
    """A fixed pool of blocks with counted holders. ``arrays`` are [blocks, …], keys and values.

    Memory is taken by the system only as blocks are first written, and the block freed last is
    used first.
    """

    def __init__(self, arrays: Sequence[Any], count: int, size: int) -> None:
        self.size = size  # tokens of a block
        self.total = count
        self._arrays = arrays
        self._free = list(range(count))[::-1]
        self._holders: Counter[int] = Counter()

    @property
    def free(self) -> int:
        """Blocks that nobody holds."""
        return len(self._free)

    def count(self, tokens: int) -> int:
        """Blocks that so many tokens fill, the last one perhaps in part."""
        return -(-tokens // self.size)

    def take(self) -> int:
        """A block for one holder."""
        block = self._free.pop()
        self._holders[block] = 1
        return block

    def share(self, blocks: Iterable[int]) -> list[int]:
        """The same blocks, held once more."""
        shared = list(blocks)
        self._holders.update(shared)
        return shared

    def give_back(self, blocks: Iterable[int]) -> None:
        """Hold these blocks no more."""
        for block in blocks:
            self._holders[block] -= 1
            if not self._holders[block]:
                del self._holders[block]
                self._free.append(block)

    def copy(self, block: int) -> int:
        """A block of one's own with the same content."""
        own = self.take()
        for array in self._arrays:
            array[own] = array[block]
        return own


class KeyValues:
    """Keys and values of one token sequence: ``tokens`` are stored in ``blocks``, in order."""

    def __init__(self, pool: Blocks) -> None:
        self.pool = pool
        self.tokens: list[int] = []
        self.blocks: list[int] = []

    @property
    def length(self) -> int:
        """Tokens whose keys and values are stored."""
        return len(self.tokens)

    @property
    def used(self) -> Sequence[int]:
        """The blocks that hold tokens."""
        return self.blocks[: self.pool.count(self.length)]

    def reserve(self, length: int) -> None:
        """Make room for ``length`` tokens in all."""
        while len(self.blocks) < self.pool.count(length):
            self.blocks.append(self.pool.take())

    def advance(self, tokens: Sequence[int]) -> None:
        """Every layer has written these tokens."""
        self.tokens.extend(tokens)

    def shrink(self) -> None:
        """Give back the blocks that hold nothing."""
        used = len(self.used)
        self.pool.give_back(self.blocks[used:])
        del self.blocks[used:]

    def drop(self) -> None:
        """Give back everything."""
        self.tokens = []
        self.shrink()

    def prefix(self, length: int) -> "KeyValues":
        """The first ``length`` tokens: whole blocks are shared, a last part is copied."""
        whole, rest = divmod(length, self.pool.size)
        beginning = KeyValues(self.pool)
        beginning.blocks = self.pool.share(self.blocks[:whole])
        if rest:
            beginning.blocks.append(self.pool.copy(self.blocks[whole]))
        beginning.tokens = self.tokens[:length]
        return beginning


class PrefixStore:
    """The sequences that ended last, for the next turn to start from, as long as there is room."""

    def __init__(self, pool: Blocks) -> None:
        self._pool = pool
        self._kept: list[KeyValues] = []  # least recently used first

    def keep(self, ended: KeyValues) -> None:
        """Take over a sequence."""
        ended.shrink()
        if ended.length:
            self._kept.append(ended)

    def begin(
        self, prompt: Sequence[int], longest: int, running: Sequence[KeyValues]
    ) -> KeyValues | None:
        """Room for ``longest`` tokens that begins with as much of ``prompt`` as is known.

        At least one token of the prompt is left to compute, since its logits are needed. None
        while the running sequences leave too little of the pool.
        """
        best, shared = self._best(prompt, running)
        lent = shared // self._pool.size if best in running else 0
        held = {block for each in running for block in each.blocks}
        if self._pool.count(longest) - lent > self._pool.total - len(held):
            return None
        sequence = self._beginning(best, shared) if best else KeyValues(self._pool)
        self._make_room(self._pool.count(longest) - len(sequence.blocks))
        sequence.reserve(longest)
        return sequence

    def _best(
        self, prompt: Sequence[int], running: Sequence[KeyValues]
    ) -> tuple[KeyValues | None, int]:
        """The sequence with the longest beginning in common, and how long that is."""
        known = [*running, *self._kept]
        lengths = [common(prompt[:-1], each.tokens) for each in known]
        shared = max(lengths, default=0)
        return (known[lengths.index(shared)], shared) if shared else (None, 0)

    def _beginning(self, best: KeyValues, shared: int) -> KeyValues:
        """A part of a known sequence; a kept one counts as used, or is of no more use."""
        if best in self._kept:
            self._kept.remove(best)
            self._kept.append(best)
        while not self._pool.free and self._kept and self._kept[0] is not best:
            self._kept.pop(0).drop()
        if not self._pool.free:  # none to copy into
            shared -= shared % self._pool.size
        beginning = best.prefix(shared)
        if best in self._kept and shared == best.length:
            self._kept.remove(best)
            best.drop()
        return beginning

    def _make_room(self, blocks: int) -> None:
        """Drop the oldest sequences until so many blocks are free."""
        while self._pool.free < blocks:
            self._kept.pop(0).drop()


def common(one: Sequence[int], other: Sequence[int]) -> int:
    """Length of the beginning that two sequences share."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))
