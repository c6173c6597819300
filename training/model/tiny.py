"""A random tiny Llama as a policy directory: every stage has a seconds-long twin on it."""

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from tutelage.policies.base import CHAT_TEMPLATE, SYSTEM_PROMPT

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]  # ids 0, 1, 2, as in SmolLM2
VOCABULARY = 384


def write_tiny_policy(directory: Path, seed: int = 0) -> None:
    """Writes weights drawn from ``seed``, a byte-level tokenizer and ChatML into a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LlamaForCausalLM(_config(len(tokenizer)))
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    (directory / "card.md").write_text("# A tiny policy\n\nRandom weights, for tests.\n")


def _config(vocabulary: int) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        initializer_range=0.3,
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
        dtype=torch.float32,
    )


def _tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE learned from our own system prompt and template: any text can be encoded."""
    system = SYSTEM_PROMPT.read_text("utf-8").strip()
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator([system, "system\nuser\nassistant\n"] * 4, trainer)
    template = CHAT_TEMPLATE.replace("SYSTEM_PROMPT", json.dumps(system, ensure_ascii=False))
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        eos_token="<|im_end|>",
        pad_token="<|im_end|>",
        bos_token="<|im_start|>",
        chat_template=template,
        clean_up_tokenization_spaces=False,
    )
