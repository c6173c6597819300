"""What a model's config.json says of how it can be trained; read without loading any weights."""

from collections.abc import Mapping
from typing import Any

# Families whose forward pass is embedding, layers, norm and head and nothing else. Each has a test
# in tests/training/model/test_families.py; training also checks each model that it loads.
FAST = frozenset(
    {"llama", "mistral", "mixtral", "qwen2", "qwen3", "qwen3_moe", "phi3", "olmo2", "smollm3",
     "stablelm"}
)  # fmt: skip
OWN_ATTENTION = frozenset({"falcon"})  # transformers lets nothing else compute it
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


def own_layers(config: Mapping[str, Any]) -> str:
    """Why no engine inside the server computes a model; empty where the transformers engine does.

    It keeps keys and values, and knows attention over the whole text or within a window.
    """
    family = config.get("model_type")
    strange = set(config.get("layer_types") or ()) - {"full_attention", "sliding_attention"}
    if strange:
        return f"{family!r} models have layers of another kind ({', '.join(sorted(strange))})"
    if family in OWN_ATTENTION:
        return f"{family!r} models compute attention in a way of their own"
    return ""


def context_of(config: Mapping[str, Any]) -> int:
    """The longest sequence that a model reads, in tokens.

    Rotary positions that stretch with the longest sequence of a batch are used up to where they
    begin to stretch: a sequence would otherwise depend on its neighbours.
    """
    names = ("max_position_embeddings", "n_positions")
    longest: int = next((config[name] for name in names if config.get(name)), 2048)
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if rope.get("rope_type", rope.get("type")) in ("longrope", "dynamic"):
        original = rope.get("original_max_position_embeddings")
        return min(longest, original or config.get("original_max_position_embeddings") or longest)
    return longest


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
    if config.get("quantization_config"):
        return "Quantised weights cannot be trained here. Choose the original model."
    return ""


def unknown_rope(config: Mapping[str, Any]) -> str:
    """Why the rotary positions cannot be computed; empty where they can."""
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if not isinstance(rope, Mapping):
        return "The rotary positions in config.json are no JSON object. Copy it again."
    kinds = [each for each in rope.values() if isinstance(each, Mapping)] or [rope]
    for kind in kinds:
        name = kind.get("rope_type", kind.get("type")) or "default"
        if name not in (*ROPE_INIT_FUNCTIONS, "default"):
            return (
                f"Rotary positions of type {name!r} are unknown to transformers. Choose one of "
                f"{', '.join(sorted(ROPE_INIT_FUNCTIONS))}, or another model."
            )
    return ""
