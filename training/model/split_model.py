"""One causal language model cut in two: a frozen trunk below, a top that learns above.

Policy, reference, value and reward model share the trunk. Its output (the hidden states at the
split) is computed once per token and kept; everything that is trained or compared lives in a top:

    reference   the model's own upper layers, never changed
    adapted     the same weights with LoRA beside them: what the optimiser updates
    merged      a copy with LoRA added into the weights: what samples, at plain speed

The three tops share one set of frozen weights, without any switch being thrown.
"""

import copy
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, PreTrainedModel

from training.config import IterationConfig
from training.model.caches import KeyValueCache
from training.model.frozen_linear import FrozenLinear, freeze, operands_of
from training.model.lora import LoRALinear
from tutelage import atomic
from tutelage.errors import Invalid
from tutelage.policies.library import CARD, MANIFEST

_DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


class SplitModel:
    """A Llama-like causal language model of transformers, cut ``top_layers`` below its head.

    The trunk's weights are held once, as products want them. ``operands`` is what the layers'
    products round to; the head's are not, since logits of 20 in bfloat16 would be off by 0.06.
    """

    def __init__(
        self, model: PreTrainedModel, top_layers: int, operands: torch.dtype = torch.float32
    ) -> None:
        decoder = model.get_decoder()
        if not 0 < top_layers < len(decoder.layers):
            raise Invalid(
                f"top_layers must be between 1 and {len(decoder.layers) - 1} for this policy, "
                f"not {top_layers}.",
                "top_layers",
            )
        self.model = model.eval().requires_grad_(False)
        head = model.get_output_embeddings().weight.data  # [V, H]
        self.head = FrozenLinear(head, back_operands=operands)
        for layer in decoder.layers:
            freeze(layer, operands)
        self.embed, self.rotary, self.norm = decoder.embed_tokens, decoder.rotary_emb, decoder.norm
        self.lower: nn.ModuleList = decoder.layers[:-top_layers]
        self.reference: nn.ModuleList = decoder.layers[-top_layers:]
        for module in self.lower.modules():
            if isinstance(module, FrozenLinear):
                module.release()
        self.device, self.dtype = self.head.weight.device, self.head.weight.dtype
        attention = decoder.layers[0].self_attn
        self.head_dim: int = attention.head_dim
        self.kv_heads: int = model.config.num_key_value_heads
        self.width: int = model.config.hidden_size

    @classmethod
    def load(cls, policy_dir: Path, config: IterationConfig) -> "SplitModel":
        """Reads a policy directory."""
        model = AutoModelForCausalLM.from_pretrained(
            policy_dir, dtype=torch.float32, local_files_only=True
        )
        for parameter in model.parameters():  # off the mapped file, which can then go
            parameter.data = parameter.data.clone()
        return cls(model.to(config.device), config.top_layers, operands_of(config.precision))

    def trunk(self, ids: Tensor, positions: Tensor, cache: Any = None, mask: Any = None) -> Tensor:
        """Hidden states at the split: ids, positions [B, T] -> [B, T, H]."""
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
            if isinstance(module, FrozenLinear):
                parent, _, child = name.rpartition(".")
                adapter = LoRALinear(module, rank, alpha, generator)
                setattr(layers.get_submodule(parent), child, adapter)
        return layers

    def save(self, source: Path, path: Path) -> None:
        """Writes the policy in ``source``, from which this was loaded, with the present top.

        The policy directory is written whole (safetensors, tokenizer, template) or not at all.
        """
        top = {id(p) for p in self.reference.parameters()}
        changed = {name: p for name, p in self.model.named_parameters() if id(p) in top}

        with atomic.directory(path, replace=True) as beside:
            for file in sorted(source.iterdir()):
                if file.name not in (MANIFEST, CARD):
                    shutil.copy(file, beside)
                if file.suffix == ".safetensors":
                    _overwrite(beside / file.name, changed)


def _overwrite(weights: Path, changed: Mapping[str, Tensor]) -> None:
    """Puts changed tensors where a safetensors file has its own, which needs no second copy.

    The file is the length of its header (8 bytes), the header (JSON), then the tensors.
    """
    with weights.open("r+b") as file:
        header_size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(header_size))
        for name in header.keys() & changed.keys():
            tensor = changed[name].detach().to("cpu", _DTYPES[header[name]["dtype"]])
            file.seek(8 + header_size + header[name]["data_offsets"][0])
            file.write(tensor.contiguous().view(torch.uint8).numpy().data)
