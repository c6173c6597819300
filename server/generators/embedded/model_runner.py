"""A policy in memory, whichever library computes it: its text side and its one forward pass."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch

from server.generators.chat_template import ChatTemplate
from server.generators.embedded.block_pool import BlockPool, BlockTable
from server.generators.embedded.config import Unsupported
from server.generators.embedded.grammar import Grammar
from server.generators.generator import Messages
from tutelage.errors import Invalid, Unavailable
from tutelage.policies.parity import PROMPT, Reference


@dataclass(frozen=True, eq=False)
class ScheduledChunk:
    """Tokens of one sequence that a step computes, after those that are stored already."""

    table: BlockTable
    tokens: Sequence[int]

    @property
    def positions(self) -> range:
        """Positions of the tokens in their sequence."""
        return range(self.table.length, self.end)

    @property
    def end(self) -> int:
        """The sequence's length with these tokens."""
        return self.table.length + len(self.tokens)

    @property
    def blocks(self) -> Sequence[int]:
        """The blocks that hold the sequence, these tokens included."""
        return self.table.blocks[: self.table.pool.count(self.end)]


class Predictions(NamedTuple):
    """Of the token after each wanted chunk; a logit is its log-probability plus the normalizer."""

    logprobs: torch.Tensor  # [wanted, vocabulary], at temperature 1
    normalizers: torch.Tensor  # [wanted], logarithms of the sums of exponentiated logits


class ModelRunner(ABC):
    """A causal language model that computes many sequences at once.

    ``engine`` names what computes it; ``positions`` is the longest sequence that it reads.
    """

    engine: str
    pool: BlockPool

    def __init__(self, policy_id: str, template: ChatTemplate, positions: int) -> None:
        self.policy_id = policy_id
        self.positions = positions
        self.end_ids = template.end_ids
        self.decode, self.raw = template.decode, template.raw
        self._template = template

    def encode(self, messages: Messages) -> list[int]:
        """Token ids of a conversation, up to where the response begins. Raises Invalid."""
        return self._template.read(messages)[1]

    def require_tokens(self, token_ids: Iterable[int]) -> None:
        """Raises Invalid for a token of ``logit_bias`` that is not in the vocabulary."""
        unknown = [each for each in token_ids if each >= len(self._template.tokenizer)]
        if unknown:
            raise Invalid(f"This policy has no token {unknown[0]}.", "logit_bias")

    def grammar(self, schema: str | None) -> Grammar | None:
        """Constrains a response to a JSON Schema. Raises Invalid where that is impossible."""
        if schema and not self.end_ids:
            raise Invalid(
                "This policy has no end-of-sequence token, so it does not support response_format."
            )
        return Grammar(self._template.constrainable, schema) if schema else None

    @abstractmethod
    def predict(
        self, chunks: Sequence[ScheduledChunk], wanted: Sequence[ScheduledChunk]
    ) -> Predictions:
        """Compute all chunks, and what follows each ``wanted`` one.

        Each chunk's table must have room for its tokens; afterwards their keys and values are
        stored.
        """

    def logprobs(
        self, chunks: Sequence[ScheduledChunk], wanted: Sequence[ScheduledChunk]
    ) -> torch.Tensor:
        """As ``predict``; [len(wanted), vocabulary]."""
        return self.predict(chunks, wanted).logprobs

    def check(self, reference: Reference, dtype: str) -> None:
        """Read prompts of two lengths and decode one token of each.

        Raises Unavailable where log-probabilities are not finite; Unsupported where one differs
        from the reference by more than ``dtype``, in which weights are kept, explains.
        """
        bound = reference.bound(dtype)
        tables = {length: BlockTable(self.pool) for length in (PROMPT, PROMPT - 3)}
        gaps = []
        for decoding in (0, 1):
            chunks = []
            for length, table in tables.items():
                table.reserve(length + decoding)
                chunks.append(
                    ScheduledChunk(table, reference.ids[table.length : length + decoding])
                )
            rows = self.logprobs(chunks, chunks)
            if not bool(rows.isfinite().all()):
                raise Unavailable("its weights hold values that are not numbers")
            places = [length - 1 + decoding for length in tables]
            gaps += [reference.difference(r, p) for r, p in zip(rows, places, strict=True)]
        for table in tables.values():
            table.release()
        if max(gaps) > bound:
            raise Unsupported(
                f"the {self.engine} engine does not read this model right: log-probabilities "
                f"differ from transformers' by {max(gaps):.2g} nats, the bound is {bound:g}",
                "serve it through another engine",
            )


@contextmanager
def loading(policy_id: str, path: Path) -> Iterator[None]:
    """Inside, whatever fails becomes Unavailable, with the reason in a sentence."""
    try:
        yield
    except Exception as error:  # transformers, safetensors and OpenVINO raise many kinds
        reason = str(error).strip().rstrip(".") or type(error).__name__
        raise Unavailable(
            f"{policy_id} cannot be loaded from {path}: {reason}. "
            "Verify its files, or promote another policy."
        ) from error
