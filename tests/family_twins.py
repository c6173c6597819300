"""Tiny random twins of model families: the right architecture, four layers, our tiny tokenizer."""

from pathlib import Path
from typing import Any

import torch
from chat_templates import give_template
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from training.model.tiny import write_tiny_policy

LLAMA3_ROPE = {
    "rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0,
    "high_freq_factor": 4.0, "original_max_position_embeddings": 64,
}  # fmt: skip
MOE = {"num_experts_per_tok": 2, "moe_intermediate_size": 32, "num_experts": 4}
# What each twin has beside the common sizes; the window is shorter than the texts of the tests.
TWINS: dict[str, dict[str, Any]] = {
    "llama": {},
    "llama-rope-llama3": {"rope_parameters": LLAMA3_ROPE},
    "mistral": {"sliding_window": None},
    "mistral-window": {"sliding_window": 8},
    "mixtral": {"num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": None},
    "qwen2": {},
    "qwen3": {"head_dim": 16},
    "qwen3_moe": {"head_dim": 16, **MOE},
    "gemma2": {"head_dim": 16, "sliding_window": 8},
    "gemma3_text": {"head_dim": 16, "sliding_window": 8},
    "phi3": {"sliding_window": None},
    "olmo2": {},
    "olmo3": {"sliding_window": 8},
    "smollm3": {},
    "granite": {"embedding_multiplier": 6.0, "logits_scaling": 4.0, "residual_multiplier": 0.5},
    "cohere2": {"sliding_window": 8, "logit_scale": 0.25},
    "stablelm": {},
    "gpt_neox": {},
    "gpt2": {"n_embd": 64, "n_layer": 4, "n_head": 4, "n_positions": 512},
    "gpt_oss": {"head_dim": 16, "num_local_experts": 4, "num_experts_per_tok": 2,
                "sliding_window": 8, "rope_parameters": {"rope_type": "default",
                                                         "rope_theta": 10000.0}},
    "lfm2": {"layer_types": ["conv", "full_attention", "conv", "full_attention"],
             "block_auto_adjust_ff_dim": False},
    "falcon": {"new_decoder_architecture": True, "alibi": False, "num_kv_heads": 2},
}  # fmt: skip


# The kind of template that each family's chat models use; Falcon's ends no turn with a token.
TEMPLATE_OF = {
    "llama": "llama3", "llama-rope-llama3": "llama3", "mistral": "mistral",
    "mistral-window": "mistral", "mixtral": "mistral", "qwen2": "chatml", "qwen3": "qwen3",
    "qwen3_moe": "qwen3-no-thinking", "gemma2": "gemma", "gemma3_text": "gemma", "phi3": "phi3",
    "olmo2": "olmo2", "olmo3": "chatml", "smollm3": "qwen3-no-thinking", "granite": "granite",
    "cohere2": "cohere", "stablelm": "zephyr", "gpt_neox": "zephyr", "gpt2": "chatml",
    "gpt_oss": "harmony", "lfm2": "chatml", "falcon": "zephyr",
}  # fmt: skip


def family(twin: str) -> str:
    """The model type of a twin."""
    return twin.split("-")[0]


def write_twin(
    twin: str, directory: Path, seed: int = 0, template: str = "", **settings: Any
) -> Path:
    """Writes a twin's policy directory; the tokenizer is the tiny one, by default with ChatML."""
    write_tiny_policy(directory)
    end = give_template(directory, template).eos_token_id if template else 2
    vocabulary = len(AutoTokenizer.from_pretrained(directory))
    for file in directory.glob("*.safetensors"):
        file.unlink()
    kind = family(twin)
    common = {} if kind == "gpt2" else {
        "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 4,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512,
    }  # fmt: skip
    config = AutoConfig.for_model(
        kind,
        **(common | TWINS[twin] | settings),
        vocab_size=vocabulary, bos_token_id=1, eos_token_id=end, pad_token_id=2,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1:  # large enough that a wrong mask or scale shows
                torch.nn.init.normal_(parameter, std=0.15)
            elif "norm" not in name:
                torch.nn.init.normal_(parameter, std=0.05)
    model.generation_config.eos_token_id = end
    model.save_pretrained(directory)
    return directory
