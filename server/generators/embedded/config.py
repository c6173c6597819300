"""A policy's ``config.json``, as the embedded engine reads it.

Not through transformers: its configuration classes bring half of the library with them, which
is two seconds of every start of the service. What they write is complete and explicit.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, PositiveInt, ValidationError

from tutelage.errors import Unavailable

FAMILY = ("llama", "mistral", "qwen2", "qwen3")


class _Kind(BaseModel):
    model_type: str = "unknown"


class _Rope(BaseModel):
    rope_type: Literal["default"] = "default"
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
    sliding_window: None = None  # every layer sees everything
    tie_word_embeddings: bool
    eos_token_id: int | list[int] | None = None

    @property
    def head_size(self) -> int:
        """Width of one head's queries, keys and values."""
        return self.head_dim or self.hidden_size // self.num_attention_heads


def read_config(path: Path) -> LlamaConfig:
    """Of a policy directory; raises Unavailable where this engine cannot serve such a model."""
    file = path / "config.json"
    if not file.is_file():
        raise Unavailable("there is no config.json")
    text = file.read_text("utf-8")
    try:
        kind = _Kind.model_validate_json(text).model_type
        if kind not in FAMILY:
            raise Unavailable(_unsupported(f"a model of type {kind}"))
        return LlamaConfig.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "its text"
        raise Unavailable(_unsupported(f"this config.json ({where}: {first['msg']})")) from error


def _unsupported(what: str) -> str:
    return (
        f"the embedded engine cannot read {what}; it reads {', '.join(FAMILY)} with ordinary "
        "rotary positions and full attention: serve others through vLLM or TGI"
    )
