"""A policy's ``config.json``, as the embedded engine reads it.

Not through transformers: its configuration classes bring half of the library with them, which
is two seconds of every start of the service. What they write is complete and explicit.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, Field, PositiveInt, ValidationError

from tutelage.errors import Unavailable

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

FAMILY = ("llama", "mistral", "qwen2", "qwen3", "smollm3", "granite")


class Unsupported(Unavailable):
    """An engine cannot serve this model, or does not compute what transformers does for it."""

    def __init__(self, reason: str, way_out: str) -> None:
        super().__init__(f"{reason}: {way_out}")
        self.reason = reason


class _Kind(BaseModel):
    model_type: str = "unknown"


class _Rope(BaseModel, extra="allow"):
    rope_type: Literal["default", "linear", "llama3", "yarn"] = "default"
    rope_theta: float = Field(gt=0)


class LlamaConfig(BaseModel):
    """Shapes and constants of a model of the Llama family, in transformers' names."""

    vocab_size: PositiveInt
    hidden_size: PositiveInt
    intermediate_size: PositiveInt
    num_hidden_layers: PositiveInt
    num_attention_heads: PositiveInt
    num_key_value_heads: PositiveInt
    head_dim: PositiveInt | None = None
    hidden_act: Literal["silu"]
    max_position_embeddings: PositiveInt
    rms_norm_eps: float
    rope_parameters: _Rope
    sliding_window: PositiveInt | None = None  # None: every layer sees everything
    layer_types: list[Literal["full_attention", "sliding_attention"]] | None = None
    no_rope_layers: list[int] | None = None  # SmolLM3: 0 where a layer knows no positions
    embedding_multiplier: float = 1.0  # Granite, as the three below
    residual_multiplier: float = 1.0
    attention_multiplier: float | None = None
    logits_scaling: float = 1.0
    tie_word_embeddings: bool
    eos_token_id: int | list[int] | None = None

    @property
    def head_size(self) -> int:
        """Width of one head's queries, keys and values."""
        return self.head_dim or self.hidden_size // self.num_attention_heads

    @property
    def attention_scale(self) -> float:
        """Factor of attention's scores."""
        return self.attention_multiplier or float(self.head_size**-0.5)

    def rotates(self, layer: int) -> bool:
        """Whether a layer turns queries and keys by their positions."""
        return self.no_rope_layers is None or bool(self.no_rope_layers[layer])

    def window(self, layer: int) -> int:
        """Tokens that a layer's attention sees, the newest included; 0: all of them."""
        sliding = self.layer_types is None or self.layer_types[layer] == "sliding_attention"
        return self.sliding_window or 0 if sliding else 0

    def frequencies(self) -> tuple["npt.NDArray[np.float32]", float]:
        """Of the rotary positions, [head_size / 2], and the factor of their cosines and sines."""
        import numpy as np

        rope = self.rope_parameters
        if rope.rope_type == "default":
            exponents = np.arange(0, self.head_size, 2, dtype=np.float32) / self.head_size
            return (1.0 / rope.rope_theta**exponents).astype(np.float32), 1.0
        from transformers import LlamaConfig as Complete
        from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

        complete = Complete(**self.model_dump() | {"head_dim": self.head_size})
        frequencies, factor = ROPE_INIT_FUNCTIONS[rope.rope_type](complete, "cpu")
        return frequencies.numpy(), factor


def read_config(path: Path) -> LlamaConfig:
    """Of a policy directory; raises Unavailable where this engine cannot serve such a model."""
    file = path / "config.json"
    if not file.is_file():
        raise Unavailable("there is no config.json")
    return parse_config(file.read_text("utf-8"))


def parse_config(text: str) -> LlamaConfig:
    """Of what transformers writes; raises Unsupported where this engine cannot serve it."""
    try:
        kind = _Kind.model_validate_json(text).model_type
        if kind not in FAMILY:
            raise _unsupported(f"a model of type {kind}")
        return LlamaConfig.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "its text"
        raise _unsupported(f"this config.json ({where}: {first['msg']})") from error


def _unsupported(what: str) -> Unsupported:
    return Unsupported(
        f"the embedded engine cannot read {what}", "set TUTELAGE_ENGINE=auto or transformers"
    )
