"""Chat templates of the kinds that model families use, on our tiny tokenizer."""

from pathlib import Path
from typing import Any

from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from training.model.tiny import write_tiny_policy

_LOOP = "{%- for message in messages -%}"
_NO_SYSTEM = (
    "{%- if messages[0]['role'] == 'system' -%}"
    "{{ raise_exception('System role not supported') }}{%- endif -%}"
)
TEMPLATES = {
    "chatml": _LOOP + "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + "
    "'<|im_end|>\\n' }}{%- endfor -%}{%- if add_generation_prompt -%}"
    "{{ '<|im_start|>assistant\\n' }}{%- endif -%}",
    "llama3": _LOOP + "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + "
    "message['content'] | trim + '<|eot_id|>' }}{%- endfor -%}{%- if add_generation_prompt -%}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif -%}",
    "zephyr": _LOOP + "{{ '<|' + message['role'] + '|>\\n' + message['content'] + eos_token + "
    "'\\n' }}{%- endfor -%}{%- if add_generation_prompt -%}{{ '<|assistant|>\\n' }}{%- endif -%}",
    "phi3": _LOOP + "{{ '<|' + message['role'] + '|>\\n' + message['content'] + '<|end|>\\n' }}"
    "{%- endfor -%}{%- if add_generation_prompt -%}{{ '<|assistant|>\\n' }}"
    "{%- else -%}{{ eos_token }}{%- endif -%}",
    "gemma": _NO_SYSTEM + _LOOP + "{%- set role = 'model' if message['role'] == 'assistant' else "
    "message['role'] -%}{{ '<start_of_turn>' + role + '\\n' + message['content'] | trim + "
    "'<end_of_turn>\\n' }}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<start_of_turn>model\\n' }}{%- endif -%}",
    "mistral": _NO_SYSTEM + "{{ bos_token }}" + _LOOP + "{%- if message['role'] == 'user' -%}"
    "{{ '[INST] ' + message['content'] + ' [/INST]' }}{%- else -%}"
    "{{ ' ' + message['content'] | trim + eos_token }}{%- endif -%}{%- endfor -%}",
    "qwen3": _LOOP + "{%- if message['role'] == 'assistant' and loop.last -%}"
    "{{ '<|im_start|>assistant\\n<think>\\n\\n</think>\\n\\n' + message['content'] + "
    "'<|im_end|>\\n' }}{%- else -%}{{ '<|im_start|>' + message['role'] + '\\n' + "
    "message['content'] + '<|im_end|>\\n' }}{%- endif -%}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}",
    "qwen3-no-thinking": _LOOP + "{{ '<|im_start|>' + message['role'] + '\\n' + "
    "message['content'] + '<|im_end|>\\n' }}{%- endfor -%}{%- if add_generation_prompt -%}"
    "{{ '<|im_start|>assistant\\n<think>\\n\\n</think>\\n\\n' }}{%- endif -%}",
    "granite": _LOOP + "{{ '<|start_of_role|>' + message['role'] + '<|end_of_role|>' + "
    "message['content'] + '<|end_of_text|>\\n' }}{%- endfor -%}{%- if add_generation_prompt -%}"
    "{{ '<|start_of_role|>assistant<|end_of_role|>' }}{%- endif -%}",
    "olmo2": "{{ bos_token }}" + _LOOP + "{{ '<|' + message['role'] + '|>\\n' + "
    "message['content'] }}{%- if message['role'] == 'assistant' -%}{{ eos_token }}{%- endif -%}"
    "{{ '\\n' }}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|assistant|>\\n' }}{%- endif -%}",
    "cohere": "{{ bos_token }}" + _LOOP + "{{ '<|START_OF_TURN_TOKEN|>' + {'user': "
    "'<|USER_TOKEN|>', 'assistant': '<|CHATBOT_TOKEN|>', 'system': '<|SYSTEM_TOKEN|>'}"
    "[message['role']] + message['content'] + '<|END_OF_TURN_TOKEN|>' }}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>' }}{%- endif -%}",
    "harmony": _LOOP + "{%- set channel = '<|channel|>final' if message['role'] == 'assistant' "
    "else '' -%}{{ '<|start|>' + message['role'] + channel + '<|message|>' + message['content'] }}"
    "{%- if message['role'] == 'assistant' and loop.last -%}{{ '<|return|>' }}{%- else -%}"
    "{{ '<|end|>' }}{%- endif -%}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|start|>assistant' }}{%- endif -%}",
}
CONTROLS = [
    "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|user|>", "<|system|>",
    "<|assistant|>", "<|end|>", "<start_of_turn>", "<end_of_turn>", "[INST]", "[/INST]",
    "<|start_of_role|>", "<|end_of_role|>", "<|end_of_text|>", "<think>", "</think>",
    "<|START_OF_TURN_TOKEN|>", "<|END_OF_TURN_TOKEN|>", "<|USER_TOKEN|>", "<|CHATBOT_TOKEN|>",
    "<|SYSTEM_TOKEN|>", "<|start|>", "<|channel|>", "<|message|>", "<|return|>",
]  # fmt: skip
EOS = {"phi3": "<|endoftext|>", "mistral": "<|endoftext|>", "olmo2": "<|endoftext|>",
       "zephyr": "<|endoftext|>", "gemma": "<|endoftext|>"}  # fmt: skip


def write_templated_policy(name: str, directory: Path) -> Path:
    """The tiny policy with another template, its control tokens, and its end of sequence."""
    write_tiny_policy(directory)
    tokenizer = give_template(directory, name)
    model = AutoModelForCausalLM.from_pretrained(directory)
    model.resize_token_embeddings(len(tokenizer))
    model.save_pretrained(directory)
    GenerationConfig(eos_token_id=tokenizer.eos_token_id).save_pretrained(directory)
    return directory


def give_template(directory: Path, name: str) -> Any:
    """Gives a directory's tokenizer a template and its tokens; the tokenizer."""
    tokenizer = AutoTokenizer.from_pretrained(directory)
    tokenizer.add_special_tokens({"extra_special_tokens": CONTROLS})
    tokenizer.eos_token = EOS.get(name, "<|im_end|>")
    tokenizer.chat_template = TEMPLATES[name]
    tokenizer.save_pretrained(directory)
    return tokenizer
