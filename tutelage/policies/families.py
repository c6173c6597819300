"""What a model's config.json says of how it can be trained; read without loading any weights."""

from collections.abc import Mapping
from typing import Any

# Families whose forward pass is embedding, layers, norm and head and nothing else. Each has a test
# in tests/training/model/test_families.py; training also checks each model that it loads.
FAST = frozenset(
    {"llama", "mistral", "mixtral", "qwen2", "qwen3", "qwen3_moe", "phi3", "olmo2", "smollm3",
     "stablelm"}
)  # fmt: skip
NOT_TEXT = ("vision_config", "audio_config", "encoder")


def reason_for_general_path(config: Mapping[str, Any]) -> str:
    """Why a model is trained on transformers' own forward pass; empty where the fast path fits."""
    family = config.get("model_type", "")
    if family not in FAST:
        return f"the forward pass of {family!r} models is transformers' own"
    window = attention_window(config)
    if window:
        return f"attention sees {window} tokens at most"
    return ""


def attention_window(config: Mapping[str, Any]) -> int | None:
    """How many tokens back some layer's attention reaches at most; None: all of them do so."""
    window: int | None = config.get("sliding_window")
    if not window or config.get("use_sliding_window") is False:
        return None
    kinds = config.get("layer_types")
    return window if kinds is None or "sliding_attention" in kinds else None


def refusal(config: Mapping[str, Any]) -> str:
    """Why a model can neither be trained nor served here; empty where it may be.

    Read from what all families share; whether a family is read right is measured at load.
    """
    family = config.get("model_type") or "unknown"
    if any(config.get(part) for part in NOT_TEXT):
        return (
            f"A model of type {family!r} also reads images or sound. Only text models are trained "
            "and served here: choose the family's text-only checkpoint."
        )
    if config.get("is_encoder_decoder"):
        return f"A model of type {family!r} has an encoder. Choose a decoder-only chat model."
    return ""
