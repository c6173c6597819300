"""MiniLM's transformer (BERT, post-norm), in plain modules that can be adapted and quantised.

The architecture is that of Devlin et al. 2018 with the sizes of Wang et al. 2020 (MiniLM L6 H384).
"""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

WIDTH = 384
LAYERS = 6
HEADS = 12
INNER = 1536
VOCABULARY = 30_522
POSITIONS = 512
_EPSILON = 1e-12


class Block(nn.Module):
    """One layer: attention and a feed-forward part, each added to its input and normalised."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)
        self.attended = nn.LayerNorm(WIDTH, _EPSILON)
        self.up = nn.Linear(WIDTH, INNER)
        self.down = nn.Linear(INNER, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, _EPSILON)

    def forward(self, states: Tensor, mask: Tensor | None) -> Tensor:
        """`states` [texts, tokens, WIDTH] to the same; `mask` [texts, 1, 1, tokens], True: read."""
        texts, tokens, _ = states.shape
        qkv = self.qkv(states).view(texts, tokens, 3, HEADS, -1)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        mixed = _attention(query, key, value, mask)
        states = self.attended(states + self.out(mixed.transpose(1, 2).flatten(2)))
        return self.norm(states + self.down(nn.functional.gelu(self.up(states))))


def _attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    """Scaled dot products (Vaswani et al. 2017), all [texts, heads, tokens, features].

    Not torch's fused kernel, which is slower on texts this short, above all backwards.
    """
    scores = query @ key.transpose(-1, -2) * key.shape[-1] ** -0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    return scores.softmax(-1) @ value


class Transformer(nn.Module):
    """Token ids to the states after every layer."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(VOCABULARY, WIDTH)
        self.positions = nn.Embedding(POSITIONS, WIDTH)
        self.types = nn.Embedding(2, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, _EPSILON)
        self.blocks = nn.ModuleList([Block() for _ in range(LAYERS)])

    def embed(self, ids: Tensor) -> Tensor:
        """What the first layer reads: [texts, tokens, WIDTH] from ids [texts, tokens]."""
        positions = self.positions.weight[: ids.shape[1]]
        return self.norm(self.words(ids) + positions + self.types.weight[0])

    def forward(
        self, states: Tensor, mask: Tensor | None, first: int = 0, last: int = LAYERS
    ) -> list[Tensor]:
        """The states after each of the layers [first, last), from those before `first`."""
        after = []
        for block in self.blocks[first:last]:
            states = block(states, mask)
            after.append(states)
        return after


def read_transformer(folder: Path) -> Transformer:
    """MiniLM from its published weights, without its pooler, frozen."""
    weights = load_file(folder / "model.safetensors")
    transformer = Transformer()
    transformer.load_state_dict(_renamed(weights))
    return transformer.eval().requires_grad_(False)


_NAMES = {
    "words.weight": "embeddings.word_embeddings.weight",
    "positions.weight": "embeddings.position_embeddings.weight",
    "types.weight": "embeddings.token_type_embeddings.weight",
    "norm.weight": "embeddings.LayerNorm.weight",
    "norm.bias": "embeddings.LayerNorm.bias",
}
_BLOCK_NAMES = {
    "out": "attention.output.dense",
    "attended": "attention.output.LayerNorm",
    "up": "intermediate.dense",
    "down": "output.dense",
    "norm": "output.LayerNorm",
}


def _renamed(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """BERT's weights under the names of `Transformer`; query, key and value are one matrix."""
    ours = {name: weights[theirs] for name, theirs in _NAMES.items()}
    for layer in range(LAYERS):
        theirs = f"encoder.layer.{layer}"
        for kind in ("weight", "bias"):
            for name, their_name in _BLOCK_NAMES.items():
                ours[f"blocks.{layer}.{name}.{kind}"] = weights[f"{theirs}.{their_name}.{kind}"]
            parts = [f"{theirs}.attention.self.{part}.{kind}" for part in ("query", "key", "value")]
            ours[f"blocks.{layer}.qkv.{kind}"] = torch.cat([weights[part] for part in parts])
    return ours
