"""Takes a published policy elsewhere: as a Hugging Face folder, or as a GGUF file for llama.cpp."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tutelage import atomic
from tutelage.errors import Conflict, Invalid, Unavailable
from tutelage.policies.library import MANIFEST
from tutelage.policies.parity import load_whole
from tutelage.policies.weight_files import write_changed
from tutelage.policies.weights import PolicyWeights

ARCHITECTURES = {"llama": "llama", "mistral": "llama", "qwen2": "qwen2", "qwen3": "qwen3"}
NORMAL, CONTROL, USER_DEFINED = 1, 3, 4  # kinds of tokens in GGUF


def export_folder(policy: Path, target: Path) -> None:
    """Write what `from_pretrained` reads, and the card; ``target`` must not exist.

    An adapter is merged into its base: matrices that it changes are written in 32 bits.
    """
    _refuse_existing(target)
    weights = PolicyWeights(policy)
    with atomic.directory(target) as beside:
        shutil.copytree(
            policy, beside, dirs_exist_ok=True, ignore=shutil.ignore_patterns(MANIFEST, "adapter_*")
        )
        if weights.adapter:
            for file in weights.folder.glob("*.safetensors*"):
                shutil.copy(file, beside)
            write_changed(weights.folder, beside, _merged(policy, weights))


def _merged(policy: Path, weights: PolicyWeights) -> dict[str, Any]:
    """The matrices that a policy's adapter changes, by the names of transformers' model."""
    assert weights.adapter
    names = {f"{name}.weight" for name in weights.adapter.updates}
    if names <= weights.names:
        return {name: weights.read(name) for name in names}
    model = load_whole(policy, "float32")  # transformers renames this family's weights
    return {name: model.get_parameter(name).data for name in names}


def export_gguf(policy: Path, target: Path, name: str) -> None:
    """Write matrices in 16-bit floats, as they are served, and vectors in 32.

    Raises Unavailable for a model or tokenizer that llama.cpp would read otherwise than we do.
    """
    from gguf import GGUFWriter

    _refuse_existing(target)
    config = json.loads((policy / "config.json").read_text())
    architecture = ARCHITECTURES.get(config["model_type"])
    if architecture is None:
        raise Unavailable(f"Models of type {config['model_type']} cannot be exported as GGUF.")
    with atomic.file(target) as beside:
        writer = GGUFWriter(beside, architecture)
        writer.add_name(name)
        _add_geometry(writer, config)
        _add_tokenizer(writer, policy, config["vocab_size"])
        for tensor_name, tensor in _tensors(policy, config, architecture):
            writer.add_tensor(tensor_name, tensor)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


def _refuse_existing(target: Path) -> None:
    if target.exists():
        raise Conflict(f"{target} already exists. Choose another name.")
    if not target.absolute().parent.is_dir():
        raise Invalid(f"The folder {target.parent} does not exist.")


def _add_geometry(writer: Any, config: dict[str, Any]) -> None:
    heads = config["num_attention_heads"]
    dim = config.get("head_dim") or config["hidden_size"] // heads
    rope = config.get("rope_parameters") or {}
    if rope.get("rope_type", "default") != "default":
        raise Unavailable(
            f"Rotary embeddings of type {rope['rope_type']} cannot be exported as GGUF."
        )
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config.get("num_key_value_heads") or heads)
    writer.add_key_length(dim)
    writer.add_value_length(dim)
    writer.add_rope_dimension_count(dim)
    writer.add_rope_freq_base(rope.get("rope_theta") or config["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_file_type(1)  # mostly 16-bit floats


def _add_tokenizer(writer: Any, policy: Path, size: int) -> None:
    from gguf import SpecialVocab

    tokenizer = json.loads((policy / "tokenizer.json").read_text())
    tokens, kinds = _vocabulary(tokenizer, size)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(_splitting(tokenizer))
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_add_bos_token(False)
    merges = tokenizer["model"]["merges"]
    writer.add_token_merges([each if isinstance(each, str) else " ".join(each) for each in merges])
    SpecialVocab(policy, n_vocab=size).add_to_gguf(writer, quiet=True)


def _vocabulary(tokenizer: dict[str, Any], size: int) -> tuple[list[str], list[int]]:
    """Every id's token and kind; ids that no token has are filled up."""
    if tokenizer["model"]["type"] != "BPE":
        raise Unavailable("Only byte-level BPE tokenizers can be exported as GGUF.")
    tokens = [f"[unused{index}]" for index in range(size)]
    kinds = [USER_DEFINED] * size
    for token, index in tokenizer["model"]["vocab"].items():
        tokens[index], kinds[index] = token, NORMAL
    for added in tokenizer["added_tokens"]:
        tokens[added["id"]] = added["content"]
        kinds[added["id"]] = CONTROL if added["special"] else USER_DEFINED
    return tokens, kinds


def _splitting(tokenizer: dict[str, Any]) -> str:
    """llama.cpp's name of how text is split before BPE."""
    splitting = tokenizer["pre_tokenizer"] or {}
    parts = splitting.get("pretokenizers", [splitting])
    kinds = [part.get("type") for part in parts]
    if kinds == ["ByteLevel"] and parts[0]["use_regex"]:
        return "gpt-2"
    if kinds == ["Digits", "ByteLevel"] and parts[0]["individual_digits"]:
        return "smollm"
    raise Unavailable(f"llama.cpp does not support this pre-tokenizer: {kinds}.")


def _tensors(policy: Path, config: dict[str, Any], architecture: str) -> Iterator[tuple[str, Any]]:
    from gguf import MODEL_ARCH, MODEL_ARCH_NAMES, get_tensor_name_map

    known = {name: kind for kind, name in MODEL_ARCH_NAMES.items()}
    kind: MODEL_ARCH = known[architecture]
    names = get_tensor_name_map(kind, config["num_hidden_layers"])
    weights = PolicyWeights(policy)
    for name in weights.names:
        written = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if written is None:
            raise Unavailable(f"GGUF has no name for the tensor {name}.")
        tensor = weights.read(name)
        if architecture == "llama":
            tensor = _llama_order(name, tensor, config)
        yield written, (tensor.half() if tensor.ndim > 1 else tensor.float()).numpy()


def _llama_order(name: str, tensor: Any, config: dict[str, Any]) -> Any:
    """llama.cpp rotates neighbouring pairs of a head, transformers its two halves."""
    heads = config["num_attention_heads"]
    if ".k_proj." in name:
        heads = config.get("num_key_value_heads") or heads
    elif ".q_proj." not in name:
        return tensor
    rows = tensor.shape[0]
    halves = tensor.reshape(heads, 2, rows // heads // 2, *tensor.shape[1:])
    return halves.transpose(1, 2).reshape(tensor.shape)
