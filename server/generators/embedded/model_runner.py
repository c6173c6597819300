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

from server.generators.embedded.block_pool import Blocks, KeyValues
from server.generators.embedded.config import LlamaConfig, read_config
from server.generators.embedded.grammar import Grammar
from server.generators.embedded.graph import BLOCK, INPUTS, LlamaGraph, Precision, Weights
from server.generators.embedded.tokenizer import ChatTemplate
from server.generators.generator import Messages
from tutelage.errors import Invalid, Unavailable

KEPT_AS = ov.Type.f16  # keys and values


@dataclass(frozen=True, eq=False)
class Segment:
    """The next tokens of one sequence, behind those that its keys and values hold already."""

    kv: KeyValues
    tokens: Sequence[int]

    @property
    def positions(self) -> range:
        """Where the tokens stand in their sequence."""
        return range(self.kv.length, self.end)

    @property
    def end(self) -> int:
        """The sequence's length with these tokens."""
        return self.kv.length + len(self.tokens)

    @property
    def blocks(self) -> Sequence[int]:
        """Where the sequence is stored, these tokens included."""
        return self.kv.blocks[: self.kv.pool.count(self.end)]


class Policy:
    """A causal language model that computes many sequences at once.

    ``cache_tokens`` is how many tokens' keys and values it can hold, of all sequences together.
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
        """Token ids of a conversation, up to where the answer begins. Raises Invalid."""
        return self._template.read(messages)[1]

    def grammar(self, schema: str | None) -> Grammar | None:
        """What holds a response to a JSON Schema; raises Invalid where that cannot be done."""
        if schema and not self.end_ids:
            raise Invalid("This policy never ends by itself, so it cannot follow response_format.")
        return Grammar(self._constrainable, schema) if schema else None

    @cached_property
    def _constrainable(self) -> LLTokenizer:
        return from_tokenizer(self._template.tokenizer, eos_token=sorted(self.end_ids))

    def logprobs(self, segments: Sequence[Segment], wanted: Sequence[Segment]) -> torch.Tensor:
        """Compute all segments, and log-probabilities of what follows the ``wanted`` ones.

        Returns [len(wanted), vocabulary], at temperature 1. The segments' keys and values have
        grown by their tokens afterwards; room for them was reserved before.
        """
        for name, values in zip(INPUTS, _laid_out(segments, wanted), strict=True):
            self._request.set_tensor(name, ov.Tensor(np.asarray(values, np.int32)))
        self._request.infer()
        for segment in segments:
            segment.kv.advance(segment.tokens)
        return torch.from_numpy(self._request.get_output_tensor(0).data.copy())

    def check(self) -> None:
        """Compute one short prompt. Raises Unavailable if the weights give no numbers."""
        prompt = Segment(KeyValues(self.pool), self.encode([{"role": "user", "content": "Hi"}]))
        prompt.kv.reserve(prompt.end)
        finite = bool(self.logprobs([prompt], [prompt]).isfinite().all())
        prompt.kv.drop()
        if not finite:
            raise Unavailable("its weights hold values that are not numbers")

    def _allocate(self, compiled: ov.CompiledModel, blocks: int) -> Blocks:
        """Gives the graph its caches; the system takes their memory as it is first written."""
        arrays = []
        for cache in compiled.inputs[len(INPUTS) :]:
            _, *shape = cache.get_partial_shape()
            size = ov.Shape([blocks, *(each.get_length() for each in shape)])
            tensor = ov.Tensor(cache.get_element_type(), size)
            self._request.set_tensor(cache, tensor)
            arrays.append(tensor.data)
        return Blocks(arrays, blocks, BLOCK)


def load_policy(
    policy_id: str, path: Path, threads: int, cache_tokens: int, weights: Precision = "auto"
) -> Policy:
    """Load a policy directory; raises Unavailable saying why when it cannot be served.

    ``threads`` 0 stands for all cores.
    """
    try:
        config, template = read_config(path), ChatTemplate(path)
        compiled = _compile(LlamaGraph(config, Weights(path), weights).build(), threads)
        end_ids = _end_ids(path, config, template)
        policy = Policy(policy_id, config, compiled, template, cache_tokens, end_ids)
        policy.check()
    except Exception as error:  # transformers, safetensors and OpenVINO raise many kinds
        reason = str(error).strip().rstrip(".") or type(error).__name__
        raise Unavailable(
            f"{policy_id} cannot be loaded from {path}: {reason}. "
            "Verify its files, or promote another policy."
        ) from error
    return policy


def _compile(graph: ov.Model, threads: int) -> ov.CompiledModel:
    settings = {
        "INFERENCE_PRECISION_HINT": ov.Type.f32,
        "KV_CACHE_PRECISION": KEPT_AS,
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


def _laid_out(segments: Sequence[Segment], wanted: Sequence[Segment]) -> tuple[Any, ...]:
    """The graph's INPUTS: all segments one after another, with their blocks."""
    ends = np.cumsum([0, *(len(segment.tokens) for segment in segments)])
    block_ends = np.cumsum([0, *(len(segment.blocks) for segment in segments)])
    last = {id(segment): end - 1 for segment, end in zip(segments, ends[1:], strict=True)}
    return (
        [token for segment in segments for token in segment.tokens],
        [position for segment in segments for position in segment.positions],
        [segment.kv.length for segment in segments],
        ends,
        [block for segment in segments for block in segment.blocks],
        block_ends,
        max(segment.end for segment in segments),
        [last[id(segment)] for segment in wanted],
    )
