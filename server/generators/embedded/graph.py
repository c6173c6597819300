"""A policy of the Llama family as an OpenVINO graph that reads many sequences in one pass.

The tokens of all sequences lie one after another, [T]; the linear layers see one long row and read
their weights once, and only paged attention knows where a sequence begins. So nothing is padded,
and prompts are computed beside tokens that are being decoded (as in Orca, Yu et al. 2022).

Matrices are kept in 16 bits: decoding is bound by reading them. As "f16" they are multiplied in 32
bits. As "bf16" a layer's products round their operands to bfloat16, as training does in frozen
layers; the residual stream, attention and the last product, to the vocabulary, stay in 32 bits. In
"int8" each row has a scale of its own, so that its largest weight becomes 127.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import openvino as ov
import openvino.opset15 as op
import torch
from openvino.op import _PagedAttentionExtension

from server.generators.embedded.config import LlamaConfig
from tutelage.errors import Unavailable
from tutelage.policies.weights import PolicyWeights

Precision = Literal["auto", "f16", "bf16", "int8"]  # of matrices; auto: see `native`
BLOCK = 32  # tokens of one block of keys and values, as OpenVINO's CPU kernel has it
INPUTS = (  # of int32; lengths: S sequences, T tokens, B blocks of all sequences, W wanted rows
    "input_ids",  # [T]
    "position_ids",  # [T]
    "past_lens",  # [S] tokens whose keys and values are stored
    "subsequence_begins",  # [S + 1] where in T the sequences begin
    "block_indices",  # [B]
    "block_indices_begins",  # [S + 1] where in B the sequences begin
    "max_context_len",  # []
    "wanted",  # [W] the tokens, as indexes of T, whose successor is asked for
)


def native() -> Precision:
    """bf16 where the processor has products of bfloat16, which are faster from a few streams on."""
    able = ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "bf16" if "BF16" in able else "f16"


class Weights:
    """A policy's tensors, each checked against the shape that its config implies."""

    def __init__(self, path: Path) -> None:
        self._stored = PolicyWeights(path)
        if not self._stored.names:
            raise Unavailable("there are no weights (*.safetensors)")

    def __contains__(self, name: str) -> bool:
        return name in self._stored.names

    def read(self, name: str, *shape: int) -> torch.Tensor:
        """One tensor. Raises Unavailable when it is missing or of another shape."""
        if name not in self:
            raise Unavailable(f"its weights do not fit its config.json: {name} is missing")
        tensor = self._stored.read(name)
        if tuple(tensor.shape) != shape:
            found = f"{name} is {tuple(tensor.shape)}, not {shape}"
            raise Unavailable(f"its weights do not fit its config.json: {found}")
        return tensor


class LlamaGraph:
    """Builds the graph layer by layer."""

    def __init__(self, config: LlamaConfig, weights: Weights, precision: Precision) -> None:
        self._config = config
        self._precision = native() if precision == "auto" else precision
        self._weights = weights
        self._heads = config.num_attention_heads
        self._kv_heads = config.num_key_value_heads
        self._dim = config.head_size
        self._width = config.hidden_size
        self._inputs = {name: _input(name) for name in INPUTS}
        self._caches: list[Any] = []

    def build(self) -> ov.Model:
        """Inputs as above and the caches; outputs as of ``Predictions``, W rows."""
        embedding = self._matrix("model.embed_tokens.weight", self._config.vocab_size, self._width)
        self._cos, self._sin = self._angles()
        x = op.gather(embedding, self._inputs["input_ids"], _int(0))
        x = _scaled(x, self._config.embedding_multiplier)
        for layer in range(self._config.num_hidden_layers):
            x = self._layer(f"model.layers.{layer}.", layer, x)
        x = self._norm(op.gather(x, self._inputs["wanted"], _int(0)), "model.norm.weight")
        head = embedding
        if not self._config.tie_word_embeddings:
            head = self._matrix("lm_head.weight", self._config.vocab_size, self._width)
        logits = _scaled(op.matmul(x, head, False, True), 1 / self._config.logits_scaling)
        logprobs = op.log_softmax(logits, -1)
        first = (op.gather(each, _int(0), _int(1)) for each in (logits, logprobs))
        normalizers = op.subtract(*first)
        return ov.Model([logprobs, normalizers], [*self._inputs.values(), *self._caches], "policy")

    def _layer(self, name: str, layer: int, x: Any) -> Any:
        """One decoder layer: [T, width] -> [T, width]"""
        share = self._config.residual_multiplier
        seen = self._attention(name, layer, self._norm(x, f"{name}input_layernorm.weight"))
        x = op.add(x, _scaled(seen, share))
        h = self._norm(x, f"{name}post_attention_layernorm.weight")
        inner = self._config.intermediate_size
        gate = op.swish(self._linear(h, f"{name}mlp.gate_proj", inner, self._width))
        up = self._linear(h, f"{name}mlp.up_proj", inner, self._width)
        down = self._linear(op.multiply(gate, up), f"{name}mlp.down_proj", self._width, inner)
        return op.add(x, _scaled(down, share))

    def _attention(self, name: str, layer: int, h: Any) -> Any:
        name += "self_attn."
        query = self._placed(layer, self._projected(h, f"{name}q", self._heads), self._heads)
        key = self._placed(layer, self._projected(h, f"{name}k", self._kv_heads), self._kv_heads)
        value = self._linear(h, f"{name}v_proj", self._kv_heads * self._dim, self._width)
        found = self._paged(query, key, value, layer)
        return self._linear(found, f"{name}o_proj", self._width, self._heads * self._dim)

    def _projected(self, h: Any, name: str, heads: int) -> Any:
        """Queries or keys by head, [T, heads, dim]; Qwen3 normalises each head."""
        flat = self._linear(h, f"{name}_proj", heads * self._dim, self._width)
        split = op.reshape(flat, _ints(-1, heads, self._dim), False)
        norm = f"{name}_norm.weight"
        return self._norm(split, norm, self._dim) if norm in self._weights else split

    def _placed(self, layer: int, x: Any, heads: int) -> Any:
        """With the layer's rotary positions: [T, heads, dim] -> [T, heads * dim]"""
        placed = self._rotated(x) if self._config.rotates(layer) else x
        return op.reshape(placed, _ints(-1, heads * self._dim), False)

    def _rotated(self, x: Any) -> Any:
        """Rotary positions (Su et al. 2021): [T, heads, dim] -> [T, heads, dim]"""
        first, second = op.split(x, _int(2), 2).outputs()
        turned = op.concat([op.negative(second), first], -1)
        return op.add(op.multiply(x, self._cos), op.multiply(turned, self._sin))

    def _angles(self) -> tuple[Any, Any]:
        """cos and sin of every token's position, [T, 1, dim] each."""
        frequencies, factor = self._config.frequencies()
        inverse = op.constant(frequencies[None])
        positions = op.unsqueeze(op.convert(self._inputs["position_ids"], "f32"), _int(1))
        half = op.matmul(positions, inverse, False, False)
        whole = op.unsqueeze(op.concat([half, half], -1), _int(1))
        return _scaled(op.cos(whole), factor), _scaled(op.sin(whole), factor)

    def _paged(self, query: Any, key: Any, value: Any, layer: int) -> Any:
        """Attention of each token to its own sequence, through the blocks that hold it."""
        caches = [_cache(f"{side}_cache.{layer}") for side in ("key", "value")]
        self._caches += caches
        named = [self._inputs[name] for name in INPUTS[2:6]]
        scale, slopes = _float(self._config.attention_scale), _none(np.float32)
        window = _int32(self._config.window(layer))
        asked = [query, key, value, *caches, *named, scale, window, slopes]
        asked += [self._inputs["max_context_len"], *_unused()]
        node = _PagedAttentionExtension([each.output(0) for each in asked])
        facts = node.get_rt_info()
        for side in ("k", "v"):
            facts[f"num_{side}_heads"], facts[f"{side}_head_size"] = self._kv_heads, self._dim
        return op.reshape(node.output(0), _ints(-1, self._heads * self._dim), False)

    def _norm(self, x: Any, name: str, width: int | None = None) -> Any:
        """Root mean square normalisation over the last axis (Zhang and Sennrich 2019)."""
        weight = self._weights.read(name, width or self._width).float().numpy()
        square = op.reduce_mean(op.power(x, _float(2.0)), _ints(-1), keep_dims=True)
        size = op.sqrt(op.add(square, _float(self._config.rms_norm_eps)))
        return op.multiply(op.divide(x, size), op.constant(weight))

    def _linear(self, x: Any, name: str, out: int, into: int) -> Any:
        y = self._product(x, f"{name}.weight", out, into)
        if f"{name}.bias" not in self._weights:
            return y
        return op.add(y, op.constant(self._weights.read(f"{name}.bias", out).float().numpy()))

    def _product(self, x: Any, name: str, rows: int, columns: int) -> Any:
        """x times a matrix transposed: [T, columns] -> [T, rows]"""
        if self._precision != "bf16":
            return op.matmul(x, self._matrix(name, rows, columns), False, True)
        matrix = _bfloat16(self._weights.read(name, rows, columns))
        return op.convert(op.matmul(op.convert(x, "bf16"), matrix, False, True), "f32")

    def _matrix(self, name: str, rows: int, columns: int) -> Any:
        """A matrix that the plugin keeps in few bits and widens while it multiplies."""
        read = self._weights.read(name, rows, columns)
        if self._precision != "int8":
            return _widened(read.half())
        scale = read.float().abs().amax(1, keepdim=True).clamp_min(1e-12) / 127  # [rows, 1]
        rounded = (read.float() / scale).round().to(torch.int8)
        return op.multiply(_widened(rounded), op.constant(scale.numpy()))


def _bfloat16(values: torch.Tensor) -> Any:
    """A constant; numpy, which carries the others, has no such type."""
    tensor = ov.Tensor(ov.Type.bf16, ov.Shape(values.shape))
    tensor.data.view(np.uint16)[...] = values.bfloat16().view(torch.uint16).numpy()
    return op.constant(tensor)


def _widened(stored: torch.Tensor) -> Any:
    widened = op.convert(op.constant(stored.numpy()), "f32")
    widened.get_rt_info()["decompression_0"] = ""
    return widened


def _scaled(x: Any, factor: float) -> Any:
    return x if factor == 1 else op.multiply(x, _float(factor))


def _input(name: str) -> Any:
    parameter = op.parameter([] if name == "max_context_len" else [-1], ov.Type.i32, name)
    parameter.output(0).set_names({name})
    return parameter


def _cache(name: str) -> Any:
    """Blocks of keys or values; the plugin settles type and shape, [blocks, heads, BLOCK, dim]."""
    cache = op.parameter(ov.PartialShape.dynamic(4), ov.Type.dynamic, name)
    cache.output(0).set_names({name})
    return cache


def _unused() -> Sequence[Any]:
    """The inputs of paged attention for cache eviction, rotation and sparsity, all switched off."""
    rotated = [_none(np.int32), _none(np.int32), _none(np.int32), _none(np.float32)]
    sparse = [_none(np.float32), _int32(0), _int32(0), _none(np.float32)]  # the last: sinks
    evicted = [_int32(0), *(_none(np.int32) for _ in range(4))]
    return [*rotated, *sparse, *evicted, _none(np.uint8), _none(np.int32)]


def _none(kind: Any) -> Any:
    return op.constant(np.zeros([0], kind))


def _float(value: float) -> Any:
    return op.constant(np.float32(value))


def _int32(value: int) -> Any:
    return op.constant(np.int32(value))


def _int(value: int) -> Any:
    return op.constant(np.int64(value))


def _ints(*values: int) -> Any:
    return op.constant(np.array(values, np.int64))
