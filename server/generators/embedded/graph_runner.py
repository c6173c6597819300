"""A policy that OpenVINO computes, as a graph."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import torch

from server.generators.chat_template import ChatTemplate
from server.generators.embedded.block_pool import BlockPool
from server.generators.embedded.config import LlamaConfig, read_config
from server.generators.embedded.graph import BLOCK, INPUTS, LlamaGraph, Precision, Weights, native
from server.generators.embedded.model_runner import (
    ModelRunner,
    Predictions,
    ScheduledChunk,
    loading,
)
from tutelage.policies.parity import read_reference

CACHE_TYPE = ov.Type.f16  # of keys and values
ROUNDED = {"f16": "float16", "bf16": "bfloat16", "int8": "int8"}


class GraphRunner(ModelRunner):
    """``cache_tokens`` is its KV-cache capacity in tokens, of all sequences together."""

    engine = "embedded"

    def __init__(
        self,
        policy_id: str,
        path: Path,
        config: LlamaConfig,
        compiled: ov.CompiledModel,
        cache_tokens: int,
    ) -> None:
        super().__init__(policy_id, ChatTemplate(path), config.max_position_embeddings)
        self._request = compiled.create_infer_request()
        self.pool = self._allocate(compiled, -(-cache_tokens // BLOCK))

    def predict(
        self, chunks: Sequence[ScheduledChunk], wanted: Sequence[ScheduledChunk]
    ) -> Predictions:
        """As the parent's."""
        for name, values in zip(INPUTS, _graph_inputs(chunks, wanted), strict=True):
            self._request.set_tensor(name, ov.Tensor(np.asarray(values, np.int32)))
        self._request.infer()
        for chunk in chunks:
            chunk.table.advance(chunk.tokens)
        outputs = (self._request.get_output_tensor(number).data for number in range(2))
        return Predictions(*(torch.from_numpy(each.copy()) for each in outputs))

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
    with loading(policy_id, path):
        return load_graph(policy_id, path, threads, cache_tokens, weights)


def load_graph(
    policy_id: str, path: Path, threads: int, cache_tokens: int, weights: Precision
) -> ModelRunner:
    """As ``load_policy``, but raises what went wrong.

    Unsupported: another family, or the graph does not compute what transformers does.
    """
    precision = native() if weights == "auto" else weights
    config = read_config(path)
    compiled = _compile(LlamaGraph(config, Weights(path), precision).build(), threads)
    runner = GraphRunner(policy_id, path, config, compiled, cache_tokens)
    runner.check(read_reference(path), ROUNDED[precision])
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
