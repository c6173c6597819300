"""A policy's config.json is read as transformers writes it, or refused with the reason."""

import json
from pathlib import Path
from typing import Any

import pytest
from transformers import GPT2Config, LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config

from server.generators.embedded.config import read_config
from tutelage.errors import Unavailable

KINDS = [LlamaConfig, Qwen2Config, Qwen3Config, MistralConfig]
LONG_ROPE = {"rope_type": "longrope", "rope_theta": 1e4}


@pytest.mark.parametrize("kind", KINDS)
def test_it_reads_what_transformers_writes(kind: Any, tmp_path: Path) -> None:
    written = kind()
    written.save_pretrained(tmp_path)
    read = read_config(tmp_path)
    assert read.head_size == (
        getattr(written, "head_dim", None) or written.hidden_size // written.num_attention_heads
    )
    assert read.rope_parameters.rope_theta == written.rope_parameters["rope_theta"]
    for name in ("vocab_size", "num_key_value_heads", "rms_norm_eps", "tie_word_embeddings",
                 "max_position_embeddings", "eos_token_id"):  # fmt: skip
        assert getattr(read, name) == getattr(written, name)


@pytest.mark.parametrize(
    ("kind", "change", "named"),
    [
        (GPT2Config, {}, "gpt2"),
        (MistralConfig, {"layer_types": ["chunked_attention"]}, "layer_types"),
        (LlamaConfig, {"hidden_act": "gelu"}, "hidden_act"),
        (
            LlamaConfig,
            {"rope_parameters": {"rope_type": "longrope", "rope_theta": 1e4}},
            "rope_type",
        ),
        (LlamaConfig, {"vocab_size": "many"}, "vocab_size"),
        (LlamaConfig, {"num_attention_heads": 0}, "num_attention_heads"),
    ],
)
def test_what_it_cannot_serve_is_named(
    kind: Any, change: dict[str, Any], named: str, tmp_path: Path
) -> None:
    kind().save_pretrained(tmp_path)
    file = tmp_path / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(Unavailable, match=named):
        read_config(tmp_path)


def test_a_torn_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "lla')
    with pytest.raises(Unavailable, match="its text"):
        read_config(tmp_path)
