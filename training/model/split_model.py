"""One causal language model cut in two: a frozen trunk below, a top that learns above.

Policy, reference, value and reward model share the trunk. Its output (the hidden states at the
split) is computed once per token and kept; everything that is trained or compared lives in a top:

    reference   the model's own upper layers, never changed
    adapted     the same weights with LoRA beside them: what the optimiser updates
    merged      a copy with LoRA added into the weights: what samples, at plain speed

The three tops share one set of frozen weights, without any switch being thrown.
"""

import copy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from training.model.batching import Step, causal_mask, pass_tokens, positions
from training.model.caches import KeyValueCache, SharedPrefixCache
from training.model.frozen_linear import FrozenLinear, Head, freeze
from training.model.lora import (
    LoRAExperts,
    LoRALinear,
    expert_weights,
    low_rank_updates,
    merge,
)
from training.model.sharded import shard
from tutelage import atomic
from tutelage.errors import Invalid
from tutelage.policies.adapter import PolicyAdapter, adapter_of, stacked, write_adapter
from tutelage.policies.library import CARD, MANIFEST
from tutelage.policies.parity import PARITY
from tutelage.policies.weight_files import write_changed


class SplitModel:
    """A Llama-like causal language model of transformers, cut ``top_layers`` below its head.

    The trunk's weights are held once, as products want them. ``operands`` is what the layers'
    products round to; the head's are not, since logits of 20 in bfloat16 would be off by 0.06.

    This class calls the layers itself, which is fast and right only for families whose forward
    pass is nothing but embedding, layers, norm and head. ``training.model.load`` decides.
    """

    def __init__(
        self, model: PreTrainedModel, top_layers: int, operands: torch.dtype = torch.float32
    ) -> None:
        self.model = model.eval().requires_grad_(False)
        self.decoder = model.get_decoder()
        self.layers_name, layers = decoder_layers(self.decoder)
        if not 0 < top_layers < len(layers):
            raise Invalid(
                f"top_layers must be between 1 and {len(layers) - 1} for this policy, "
                f"not {top_layers}.",
                "top_layers",
            )
        self.head = _head(model, operands)
        for layer in layers:
            freeze(layer, operands)
        self.lower: nn.ModuleList = layers[:-top_layers]
        self.reference: nn.ModuleList = layers[-top_layers:]
        self.device, self.dtype = self.head.weight.device, self.head.weight.dtype
        self.width: int = self.head.in_features
        self.begin_pass: Callable[[], None] = lambda: None  # through the trunk
        self.prepare()

    def prepare(self) -> None:
        """Finds the parts that ``run`` calls."""
        decoder = self.decoder
        self.embed, self.rotary, self.norm = decoder.embed_tokens, decoder.rotary_emb, decoder.norm
        self.head_dim: int = self.lower[0].self_attn.head_dim  # type: ignore[union-attr, assignment]
        self.kv_heads: int = self.model.config.num_key_value_heads

    def pass_tokens(self, usual: int) -> int:
        """Padded tokens of one pass through a top with gradients; ``usual`` on a CPU.

        Kept for the gradient are some 40 values of four bytes for each layer and unit of the width
        (Korthikanti et al. 2022, arXiv 2205.05198, eq. 1, without attention's scores). Logits are
        made in chunks.
        """
        token_bytes = 160 * self.width * len(self.reference)
        return pass_tokens(usual, token_bytes, self.device)

    def release(self) -> None:
        """Keeps the trunk's weights only as products want them; they are never read again."""
        for module in self.lower.modules():
            if isinstance(module, FrozenLinear):
                module.release()

    def shard(self) -> None:
        """Divides the trunk's weights among the ranks, for good."""
        self.begin_pass = shard(self.lower)
        first = torch.zeros(1, 1, dtype=torch.long, device=self.device)
        with torch.no_grad():
            self.trunk(first, first)  # FSDP prepares itself in a pass of all ranks

    def trunk(self, ids: Tensor, positions: Tensor, cache: Any = None, mask: Any = None) -> Tensor:
        """Hidden states at the split: ids, positions [B, T] -> [B, T, H]."""
        self.begin_pass()
        return self.run(self.lower, self.embed(ids), positions, cache, mask)

    def top(
        self, layers: nn.ModuleList, hidden: Tensor, positions: Tensor, cache: Any = None,
        mask: Any = None,
    ) -> Tensor:  # fmt: skip
        """Final hidden states of a top: states at the split [B, T, H] -> [B, T, H]."""
        return self.norm(self.run(layers, hidden, positions, cache, mask))

    def run(
        self, layers: nn.ModuleList, hidden: Tensor, positions: Tensor, cache: Any, mask: Any
    ) -> Tensor:
        """Some decoder layers in turn. Without a mask attention is causal."""
        rotation = self.rotary(hidden, positions)
        for layer in layers:
            hidden = layer(
                hidden,
                attention_mask=mask,
                position_embeddings=rotation,
                past_key_values=cache,
            )
        return hidden

    def new_cache(self, layers: nn.ModuleList, rows: int, width: int) -> KeyValueCache:
        """An empty cache for some layers: ``rows`` rows of at most ``width`` tokens."""
        shape = (rows, self.kv_heads, width, self.head_dim)
        return KeyValueCache(layers, shape, self.device, self.dtype)

    def adapted(self, rank: int, alpha: float, seed: int) -> nn.ModuleList:
        """The reference's layers with LoRA beside every linear map; only LoRA takes gradients."""
        frozen = [m for m in self.reference.modules() if isinstance(m, FrozenLinear)]
        shared = [*frozen, *self.reference.parameters()]
        layers = copy.deepcopy(self.reference, {id(thing): thing for thing in shared})
        generator = torch.Generator().manual_seed(seed)
        for name, module in list(layers.named_modules()):
            parent, _, child = name.rpartition(".")
            if isinstance(module, FrozenLinear):
                adapter: nn.Module = LoRALinear(module, rank, alpha, generator)
            elif expert_weights(module):
                adapter = LoRAExperts(module, rank, alpha, generator)
            else:
                continue
            setattr(layers.get_submodule(parent), child, adapter)
        return layers

    def share_prefix(self, step: Step, prefix: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Runs rows that continue one prefix, the prefix computed once.

        Args: ``step``: ``trunk`` or a bound ``top``; prefix [1, P, ...], P may be 0; rows
        [K, T, ...]. Returns: the hidden states of the prefix [1, P, H] and of the rows [K, T, H].
        """
        cache, before, length = SharedPrefixCache(), prefix.shape[1], rows.shape[1]
        if not before:
            whole = step(rows, positions(rows), None, None)
            return whole[:1, :0], whole
        first = step(prefix, positions(prefix), cache, None)
        if not length:  # every row is an empty response
            return first, first[:, :0].expand(len(rows), -1, -1)
        mask = causal_mask(length, before, rows.device)
        return first, step(rows, positions(rows) + before, cache, mask)

    def save(
        self, source: Path, path: Path, layers: nn.ModuleList, below: nn.ModuleList | None = None
    ) -> None:
        """Writes the policy in ``source``, from which this was loaded, with adapted ``layers``.

        ``below``: adapted layers that were merged before ``layers`` were made over them.
        The policy directory is written whole or not at all: an adapter over the source's base with
        tokenizer and template. A mixture's experts are no linear layers, so a policy that has some
        gets weights of its own.
        """
        experts = any(isinstance(module, LoRAExperts) for module in layers.modules())
        left_out = {MANIFEST, CARD, PARITY}
        with atomic.directory(path, replace=True) as beside:
            for file in sorted(source.iterdir()):
                weights = ".safetensors" in file.name  # also the index of several files
                if file.name not in left_out and (experts or not weights):
                    shutil.copy(file, beside)
            if experts:
                merge(layers, into=self.reference)
                write_changed(source, beside, self._changed())
            else:
                write_adapter(beside, self._adapter(source, layers, below))

    def _adapter(
        self, source: Path, layers: nn.ModuleList, below: nn.ModuleList | None
    ) -> PolicyAdapter:
        """What the source's adapter, if it has one, and the layers' add to the source's base."""
        before = adapter_of(source) or PolicyAdapter(source, {})
        updates = before.updates
        for adapted in filter(None, (below, layers)):
            updates = stacked(updates, low_rank_updates(adapted, self.model))
        frozen = (m for m in layers.modules() if isinstance(m, FrozenLinear))
        return PolicyAdapter(before.base, updates, any(m.from_conv1d for m in frozen))

    def _changed(self) -> dict[str, Tensor]:
        """The top's parameters by their names in the whole model, as transformers keeps them."""
        top = {id(p) for p in self.reference.parameters()}
        changed = {name: p.data for name, p in self.model.named_parameters() if id(p) in top}
        for name, module in self.model.named_modules():
            if isinstance(module, FrozenLinear) and module.from_conv1d:
                changed |= {key: changed[key].T for key in [f"{name}.weight"] if key in changed}
        return changed


def decoder_layers(decoder: nn.Module) -> tuple[str, nn.ModuleList]:
    """A decoder's stack of layers and its name there (``layers``, or ``h`` in older families).

    Raises: Invalid: it has none, or several.
    """
    stacks = [(n, m) for n, m in decoder.named_children() if isinstance(m, nn.ModuleList)]
    count = decoder.config.num_hidden_layers  # type: ignore[union-attr]
    stacks = [(name, stack) for name, stack in stacks if len(stack) == count]
    if len(stacks) != 1:
        raise Invalid(
            f"A {type(decoder).__name__} has no single stack of {count} layers, so it cannot be "
            "trained here. Choose a decoder-only chat model."
        )
    return stacks[0]


def _head(model: PreTrainedModel, operands: torch.dtype) -> Head:
    """The model's map to logits, with what its family does to them."""
    linear, config = model.get_output_embeddings(), model.config
    scale = getattr(config, "logit_scale", None) or 1 / (
        getattr(config, "logits_scaling", None) or 1.0
    )
    bias = None if linear.bias is None else linear.bias.data
    softcap = getattr(config, "final_logit_softcapping", None)
    return Head(linear.weight.data, bias, torch.float32, operands, scale, softcap)
