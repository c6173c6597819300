"""A policy in memory: graph, tokenizer and chat template, and the one forward pass they need."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import torch
from llguidance import LLTokenizer
from llguidance.hf import from_tokenizer

from server.generators.chat_template import ChatTemplate
from server.generators.embedded.block_pool import BlockPool, BlockTable
from server.generators.embedded.config import LlamaConfig, read_config
from server.generators.embedded.grammar import Grammar
from server.generators.embedded.graph import BLOCK, INPUTS, LlamaGraph, Precision, Weights
from server.generators.generator import Messages
from tutelage.errors import Invalid, Unavailable

CACHE_TYPE = ov.Type.f16  # of keys and values


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


class ModelRunner:
    """A causal language model that computes many sequences at once.

    ``cache_tokens`` is its KV-cache capacity in tokens, of all sequences together.
    """

    def __init__(
        self,
        policy_id: str,
        config: LlamaConfig,
        compiled: ov.CompiledModel,
        template: ChatTemplate,
        cache_tokens: int,
        end_ids: frozenset[int],
    ) -> None:
        self.policy_id = policy_id
        self.positions = config.max_position_embeddings
        self.end_ids = end_ids
        self.decode = template.decode
        self._template = template
        self._request = compiled.create_infer_request()
        self.pool = self._allocate(compiled, -(-cache_tokens // BLOCK))

    def encode(self, messages: Messages) -> list[int]:
        """Token ids of a conversation, up to where the response begins. Raises Invalid."""
        return self._template.read(messages)[1]

    def grammar(self, schema: str | None) -> Grammar | None:
        """Constrains a response to a JSON Schema. Raises Invalid where that is impossible."""
        if schema and not self.end_ids:
            raise Invalid(
                "This policy has no end-of-sequence token, so it does not support response_format."
            )
        return Grammar(self._constrainable, schema) if schema else None

    @cached_property
    def _constrainable(self) -> LLTokenizer:
        return from_tokenizer(self._template.tokenizer, eos_token=sorted(self.end_ids))

    def logprobs(
        self, chunks: Sequence[ScheduledChunk], wanted: Sequence[ScheduledChunk]
    ) -> torch.Tensor:
        """Compute all chunks, and log-probabilities of the token after each ``wanted`` one.

        Returns [len(wanted), vocabulary], at temperature 1. Each chunk's table must have room for
        its tokens; afterwards their keys and values are stored.
        """
        for name, values in zip(INPUTS, _graph_inputs(chunks, wanted), strict=True):
            self._request.set_tensor(name, ov.Tensor(np.asarray(values, np.int32)))
        self._request.infer()
        for chunk in chunks:
            chunk.table.advance(chunk.tokens)
        return torch.from_numpy(self._request.get_output_tensor(0).data.copy())

    def check(self) -> None:
        """Compute one short prompt. Raises Unavailable if its log-probabilities are not finite."""
        prompt = ScheduledChunk(
            BlockTable(self.pool), self.encode([{"role": "user", "content": "Hi"}])
        )
        prompt.table.reserve(prompt.end)
        finite = bool(self.logprobs([prompt], [prompt]).isfinite().all())
        prompt.table.release()
        if not finite:
            raise Unavailable("its weights hold values that are not numbers")

    def _allocate(self, compiled: ov.CompiledModel, blocks: int) -> BlockPool:
        """Gives the graph its caches; the system takes their memory as it is first written."""
        arrays = []
        for cache in compiled.inputs[len(INPUTS) :]:
            _, *shape = cache.get_partial_shape()
            size = ov.Shape([blocks, *(each.get_length() for each in shape)])
            tensor = ov.Tensor(cache.get_element_type(), size)
            self._request.set_tensor(cache, tensor)
            arrays.append(tensor.data)
        return BlockPool(arrays, blocks, BLOCK)


def load_policy(
    policy_id: str, path: Path, threads: int, cache_tokens: int, weights: Precision = "auto"
) -> ModelRunner:
    """Load a policy directory; raises Unavailable saying why when it cannot be served.

    ``threads`` 0 stands for all cores.
    """
    try:
        config, template = read_config(path), ChatTemplate(path)
        compiled = _compile(LlamaGraph(config, Weights(path), weights).build(), threads)
        end_ids = _end_ids(path, config, template)
        runner = ModelRunner(policy_id, config, compiled, template, cache_tokens, end_ids)
        runner.check()
    except Exception as error:  # transformers, safetensors and OpenVINO raise many kinds
        reason = str(error).strip().rstrip(".") or type(error).__name__
        raise Unavailable(
            f"{policy_id} cannot be loaded from {path}: {reason}. "
            "Verify its files, or promote another policy."
        ) from error
    return runner


def _compile(graph: ov.Model, threads: int) -> ov.CompiledModel:
    settings = {
        "INFERENCE_PRECISION_HINT": ov.Type.f32,
        "KV_CACHE_PRECISION": CACHE_TYPE,
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
        "ENABLE_CPU_PINNING": False,
    }
    return ov.Core().compile_model(graph, "CPU", settings)


def _end_ids(path: Path, config: LlamaConfig, template: ChatTemplate) -> frozenset[int]:
    """Tokens that end a response."""
    file = path / "generation_config.json"
    generation = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    configured = generation.get("eos_token_id") or config.eos_token_id
    ids = configured if isinstance(configured, list) else [configured]
    return frozenset(end for end in [*ids, template.tokenizer.eos_token_id] if end is not None)


def _graph_inputs(
    chunks: Sequence[ScheduledChunk], wanted: Sequence[ScheduledChunk]
) -> tuple[Any, ...]:
    """The graph's INPUTS: all chunks one after another, with their blocks."""
    ends = np.cumsum([0, *(len(chunk.tokens) for chunk in chunks)])
    block_ends = np.cumsum([0, *(len(chunk.blocks) for chunk in chunks)])
    last = {id(chunk): end - 1 for chunk, end in zip(chunks, ends[1:], strict=True)}
    return (
        [token for chunk in chunks for token in chunk.tokens],
        [position for chunk in chunks for position in chunk.positions],
        [chunk.table.length for chunk in chunks],
        ends,
        [block for chunk in chunks for block in chunk.blocks],
        block_ends,
        max(chunk.end for chunk in chunks),
        [last[id(chunk)] for chunk in wanted],
    )
