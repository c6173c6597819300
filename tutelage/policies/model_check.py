"""Whether a model can be brought: read from its files, without loading any weights."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tutelage.errors import Unavailable
from tutelage.policies.adapter import ADAPTER_WEIGHTS
from tutelage.policies.chat_format import ChatFormat
from tutelage.policies.families import (
    attention_window,
    context_of,
    reason_for_general_path,
    refusal,
    unknown_rope,
)
from tutelage.policies.library import ADAPTER_CONFIG, base_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SMALL_FILES = ["*.json", "*.model", "*.jinja", "*.txt"]  # of a hub repository: all but weights
ALL_FILES = [*SMALL_FILES, "*.safetensors"]
BYTES = {"F64": 8, "F32": 4, "BF16": 2, "F16": 2}
GIB = 2**30


@dataclass(frozen=True)
class WeightTotals:
    """What the safetensors files hold, by their headers."""

    parameters: int
    bytes: int
    types: tuple[str, ...]


@dataclass(frozen=True)
class ModelCheck:
    """``rows`` name and describe each fact; ``problems`` are sentences, empty where it can serve.

    ``config`` is config.json with transformers' defaults, empty where it cannot be read.
    """

    rows: dict[str, str]
    problems: list[str]
    config: dict[str, Any] = field(default_factory=dict)


def check_model(source: str) -> ModelCheck:
    """Everything about a Hugging Face folder or hub id that decides whether it can be brought."""
    rows: dict[str, str] = {"model": source}
    problems: list[str] = []
    try:
        folder = small_files(source)
        config = read_config(folder)
        rows |= _config_rows(config)
    except Unavailable as error:
        return ModelCheck(rows, [error.message])
    for read in (_weights_rows, _tokenizer_rows):
        try:
            rows |= read(source, folder, config)
        except Unavailable as error:
            problems.append(error.message)
    return ModelCheck(rows, problems, config)


def require_model(source: str) -> Path:
    """The folder of a model that can be brought. Raises Unavailable with all that is missing."""
    problems = check_model(source).problems
    if problems:
        raise Unavailable(
            f"The base model {source!r} cannot be used: {' '.join(problems)} "
            "Check TUTELAGE_BASE_MODEL, or unset it to use the bundled model."
        )
    return small_files(source)


def small_files(source: str) -> Path:
    """The folder of a model; of a hub id a copy without weights. Raises Unavailable."""
    path = Path(source).expanduser()
    if path.is_dir():
        return path
    if path.suffix == ".gguf":
        raise Unavailable(
            "A GGUF file holds weights that were rounded for llama.cpp. Choose the folder with "
            "safetensors files that it was made from."
        )
    if path.is_file():
        raise Unavailable(f"{source} is a file. Choose the folder that holds config.json.")
    if path.is_absolute() or source.startswith((".", "~")) or source.count("/") > 1:
        raise Unavailable(f"There is no folder {source}.")
    return download(source, SMALL_FILES)


def download(
    model_id: str, patterns: Sequence[str] = ALL_FILES, revision: str | None = None
) -> Path:
    """A hub repository's files that match, in the hub's cache. Raises Unavailable."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(model_id, revision=revision, allow_patterns=list(patterns)))
    except LocalEntryNotFoundError as error:
        raise Unavailable(
            f"The hub cannot be reached and {model_id} is not in its cache. Where there is a "
            f"connection, run `hf download {model_id} --local-dir FOLDER`, and name that folder."
        ) from error
    except (HFValidationError, OSError) as error:  # errors of HTTP are OSErrors
        reason = str(error).strip().splitlines()[0]
        raise Unavailable(
            f"{model_id} cannot be had from the hub ({reason}). Check its name; a gated model "
            "needs `hf auth login`."
        ) from error


def read_config(folder: Path) -> dict[str, Any]:
    """config.json with transformers' defaults. Raises Unavailable for what is no chat model."""
    if not (folder / "config.json").is_file():
        raise Unavailable(_without_config(folder))
    stored = _json(folder / "config.json")
    problem = refusal(stored) or unknown_rope(stored)
    if problem:
        raise Unavailable(problem)
    return _complete(folder, str(stored.get("model_type") or "unknown"))


def _complete(folder: Path, family: str) -> dict[str, Any]:
    from transformers import AutoConfig
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    if family not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        raise Unavailable(
            f"transformers has no language model of type {family!r}, and code of a repository is "
            "never run. Choose a family that docs/models.md lists."
        )
    try:
        complete: dict[str, Any] = AutoConfig.from_pretrained(folder).to_dict()
        context_of(complete), attention_window(complete), int(complete["vocab_size"])
    except Exception as error:  # each family checks its settings in its own way
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".:")
        raise Unavailable(f"config.json cannot be read: {reason}. Copy it again.") from error
    return complete


def _json(file: Path) -> dict[str, Any]:
    """A JSON object. Raises Unavailable where the file holds something else."""
    try:
        found = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise Unavailable(f"{file.name} is not valid JSON ({error}). Copy it again.") from error
    if not isinstance(found, dict):
        raise Unavailable(f"{file.name} holds no JSON object. Copy it again.")
    return found


def _without_config(folder: Path) -> str:
    if (folder / "adapter_config.json").is_file():
        name = (
            _json(folder / "adapter_config.json").get("base_model_name_or_path") or "another model"
        )
        return (
            f"This is an adapter for {name}, not a model. Merge it first: "
            "peft.AutoPeftModelForCausalLM.from_pretrained(FOLDER).merge_and_unload()"
            ".save_pretrained(NEW), and save the tokenizer of its base there."
        )
    if any(folder.glob("*.gguf")):
        return (
            "This folder holds GGUF files, whose weights were rounded for llama.cpp. Choose the "
            "folder with safetensors files that they were made from."
        )
    return "There is no config.json. Choose a folder in Hugging Face's format."


def _config_rows(config: Mapping[str, Any]) -> dict[str, str]:
    window = attention_window(config)
    general = reason_for_general_path(config)
    return {
        "family": str(config["model_type"]),
        "context": f"{context_of(config)} tokens"
        + (f", attention window {window} tokens" if window else ""),
        "training": f"general path: {general}" if general else "fast path",
    }


def _weights_rows(source: str, folder: Path, config: Mapping[str, Any]) -> dict[str, str]:
    base = base_of(folder)
    local = Path(source).expanduser().is_dir()
    weights = read_weights(base or folder) if local else _on_hub(source)
    serving = 2 * weights.parameters
    training = 4 * weights.parameters
    have = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if serving > have:
        raise Unavailable(
            f"The weights need {serving / GIB:.0f} GiB of memory in 16 bits and this machine has "
            f"{have / GIB:.0f} GiB. Choose a smaller model, or run it on a larger machine."
        )
    return {
        "size": f"{weights.parameters / 1e6:.1f} M parameters, {_size(weights.bytes)} in "
        f"{' and '.join(weights.types)}",
        "memory": f"serving {_size(serving)} in 16 bits and the KV cache; training "
        f"{_size(training)} in fp32 (half in bf16) and the activations; this machine has "
        f"{_size(have)}" + ("" if training < have else ": too little to train in fp32"),
        **(_adapter_row(folder, base) if base else {}),
    }


def _adapter_row(folder: Path, base: Path) -> dict[str, str]:
    """Rank and size of a policy's adapter. Raises Unavailable where it is missing or truncated."""
    file = folder / ADAPTER_WEIGHTS
    if not file.is_file():
        raise Unavailable(f"{file.name} is missing. Copy it again.")
    rank, size = _json(folder / ADAPTER_CONFIG).get("r"), _sum(_tensors(file)).bytes
    return {"adapter": f"rank {rank}, {_size(size)}, over {base}"}


def _size(count: int) -> str:
    return f"{count / GIB:.1f} GiB" if count > GIB else f"{count / 2**20:.1f} MiB"


def read_weights(folder: Path) -> WeightTotals:
    """Sums up the safetensors files. Raises Unavailable: missing, truncated or of another kind."""
    index = folder / "model.safetensors.index.json"
    names = {file.name for file in folder.glob("*.safetensors")}
    if index.is_file():
        wanted = _shards(index)
        if wanted - names:
            raise Unavailable(f"The shard {min(wanted - names)} is missing. Copy it again.")
        names = wanted
    if not names:
        raise Unavailable(_without_weights(folder))
    return _sum(tensor for name in sorted(names) for tensor in _tensors(folder / name))


def _shards(index: Path) -> set[str]:
    """Names of the files that an index names."""
    named = _json(index).get("weight_map")
    if not isinstance(named, dict) or not all(isinstance(name, str) for name in named.values()):
        raise Unavailable(f"{index.name} names no shards. Copy it again.")
    return set(named.values())


def _without_weights(folder: Path) -> str:
    if any(folder.glob("*.bin")) or any(folder.glob("*.pt*")):
        return (
            "The weights are pickled (*.bin), and a pickle can run code. Convert them to "
            "safetensors, or choose a revision that has them."
        )
    return "There are no weights (*.safetensors). Copy the whole folder."


def _tensors(file: Path) -> Iterator[tuple[int, str]]:
    """Size and type of each tensor. Raises Unavailable where the file does not hold them all."""
    size = file.stat().st_size
    try:
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
            header = json.loads(opened.read(length)) if 8 + length <= size else {}
        header.pop("__metadata__", None)
        facts = [(prod(each["shape"]), str(each["dtype"])) for each in header.values()]
        end = max(each["data_offsets"][1] for each in header.values())
    except (ValueError, TypeError, KeyError, AttributeError, IndexError):
        facts, end = [], -1
    if size != 8 + length + end:
        raise Unavailable(f"{file.name} is truncated or damaged. Copy it again.")
    yield from facts


def _sum(tensors: Iterator[tuple[int, str]]) -> WeightTotals:
    counts: dict[str, int] = {}
    for count, kind in tensors:
        counts[kind] = counts.get(kind, 0) + count
    strange = sorted(counts.keys() - BYTES.keys())
    if strange:
        raise Unavailable(
            f"The weights are quantised ({', '.join(strange)}), and quantised weights cannot be "
            "trained here. Choose the original model."
        )
    size = sum(BYTES[kind] * count for kind, count in counts.items())
    return WeightTotals(sum(counts.values()), size, tuple(sorted(counts)))


def _on_hub(model_id: str) -> WeightTotals:
    from huggingface_hub import get_safetensors_metadata
    from huggingface_hub.errors import NotASafetensorsRepoError

    try:
        found = get_safetensors_metadata(model_id).parameter_count
    except (NotASafetensorsRepoError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise Unavailable(f"The weights of {model_id} cannot be read: {reason}.") from error
    return _sum((count, kind) for kind, count in found.items())


def _tokenizer_rows(_source: str, folder: Path, config: Mapping[str, Any]) -> dict[str, str]:
    tokenizer = read_tokenizer(folder)
    end, used = _read_template(ChatFormat(tokenizer))
    largest = max(used, tokenizer.vocab_size - 1)  # tokens that were added may go unused (Gemma 3)
    if largest >= config["vocab_size"]:
        raise Unavailable(
            f"The tokenizer has a token {largest} and the model only {config['vocab_size']} "
            "tokens. Choose the tokenizer of this model."
        )
    system = "own system role" if has_system_role(tokenizer) else "system in the first user turn"
    return {"template": f"turns end with {end}; {system}"}


def _read_template(template: ChatFormat) -> tuple[str, int]:
    """The token that ends a turn, and the largest id in a prompt. Raises Unavailable."""
    from jinja2 import TemplateError

    try:
        prompt = template.render([{"role": "user", "content": "Hi"}], generation=True)
        return template.turn_end(), max(template.encode(prompt), default=0)
    except (TemplateError, TypeError, ValueError) as error:
        raise Unavailable(
            f"The chat template cannot be used ({error}). Copy it again, or bring another."
        ) from error


def read_tokenizer(folder: Path) -> "PreTrainedTokenizerBase":
    """The tokenizer with its chat template. Raises Unavailable where either is missing."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
    except Exception as error:  # tokenizers, sentencepiece and transformers raise many kinds
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise Unavailable(
            f"The tokenizer cannot be read ({reason}). The folder needs tokenizer.json."
        ) from error
    if not tokenizer.is_fast or not tokenizer.get_vocab():
        raise Unavailable("There is no fast tokenizer. The folder needs tokenizer.json.")
    if not tokenizer.chat_template:
        raise Unavailable(
            "There is no chat template. Choose a chat model ('instruct', 'it' or 'chat' in its "
            "name), or add chat_template.jinja."
        )
    return tokenizer


def has_system_role(tokenizer: "PreTrainedTokenizerBase") -> bool:
    """Whether the chat template takes a system message and shows what it says."""
    from jinja2 import TemplateError

    messages = [{"role": "system", "content": "Marker"}, {"role": "user", "content": "Hello"}]
    try:
        return "Marker" in str(tokenizer.apply_chat_template(messages, tokenize=False))
    except TemplateError:
        return False
