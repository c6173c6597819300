"""What cannot be brought is refused in a sentence with the way out, before anything is written."""

import json
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub.errors import LocalEntryNotFoundError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from training.model.tiny import write_tiny_policy
from tutelage.cli import app
from tutelage.errors import Unavailable
from tutelage.policies import base, model_check
from tutelage.policies.library import PolicyLibrary
from tutelage.policies.model_check import check_model
from tutelage.policies.parity import PARITY, load_whole, read_reference
from tutelage.store import Store

WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    write_tiny_policy(folder)
    return folder


@pytest.fixture
def folder(tiny: Path, tmp_path: Path) -> Path:
    """A model's folder, to be damaged."""
    return Path(shutil.copytree(tiny, tmp_path / "model"))


def configured(**changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        file = folder / "config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | changes))

    return change


def without(*patterns: str) -> Callable[[Path], None]:
    def remove(folder: Path) -> None:
        for file in (file for pattern in patterns for file in folder.glob(pattern)):
            file.unlink()

    return remove


def truncated(folder: Path) -> None:
    os.truncate(folder / WEIGHTS, (folder / WEIGHTS).stat().st_size - 100)


def emptied(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes(b"")


def as_adapter(folder: Path) -> None:
    without("*")(folder)
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "another/base"}')


def as_gguf(folder: Path) -> None:
    without("*")(folder)
    (folder / "model-q4.gguf").write_bytes(b"GGUF")


def pickled(folder: Path) -> None:
    (folder / WEIGHTS).rename(folder / "pytorch_model.bin")


def lacking_a_shard(folder: Path) -> None:
    index = {"weight_map": {"a": WEIGHTS, "b": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def quantised(folder: Path) -> None:
    header = json.dumps({"a": {"dtype": "I8", "shape": [4], "data_offsets": [0, 4]}}).encode()
    (folder / WEIGHTS).write_bytes(struct.pack("<Q", len(header)) + header + b"1234")


DAMAGES = [
    (without("*.jinja"), "no chat template"),
    (without("tokenizer*"), "tokenizer"),
    (without("*.safetensors"), "no weights"),
    (without("config.json"), "no config.json"),
    (as_gguf, "GGUF"),
    (as_adapter, "adapter for another/base"),
    (pickled, "pickle"),
    (truncated, "truncated"),
    (emptied, "truncated"),
    (lacking_a_shard, "model-00002-of-00002.safetensors is missing"),
    (quantised, "quantised"),
    (configured(quantization_config={"quant_method": "gptq"}), "Quantised"),
    (configured(vision_config={"hidden_size": 8}), "images"),
    (configured(is_encoder_decoder=True), "encoder"),
    (configured(model_type="mystery"), "mystery"),
    (configured(rope_parameters={"rope_type": "spiral", "rope_theta": 1e4}), "spiral"),
    (configured(vocab_size=10), "the model only 10 tokens"),
    (lambda folder: (folder / "config.json").write_text("{"), "not valid JSON"),
]


def test_a_good_model_has_no_problems(folder: Path) -> None:
    found = check_model(str(folder))
    assert found.problems == []
    assert found.rows["family"] == "llama"
    assert "<|im_end|>" in found.rows["template"]


@pytest.mark.parametrize(("damage", "told"), DAMAGES)
def test_a_bad_one_is_refused_with_the_reason(
    damage: Callable[[Path], None], told: str, folder: Path
) -> None:
    damage(folder)
    assert told in " ".join(check_model(str(folder)).problems)


def test_an_added_token_that_the_template_never_uses_is_no_problem(folder: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"extra_special_tokens": ["<image>"]})
    tokenizer.save_pretrained(folder)
    assert check_model(str(folder)).problems == []


WILD = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 10**6) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=4,
)
KEYS = (
    "model_type", "vocab_size", "hidden_size", "num_attention_heads", "rope_parameters",
    "sliding_window", "layer_types", "max_position_embeddings", "quantization_config",
    "eos_token_id", "dtype",
)  # fmt: skip
SETTINGS = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@SETTINGS
@given(st.dictionaries(st.sampled_from(KEYS), WILD, min_size=1, max_size=2))
def test_no_config_makes_the_check_fail(tiny: Path, tmp_path: Path, changes: Any) -> None:
    folder = Path(shutil.copytree(tiny, tmp_path / "model", dirs_exist_ok=True))
    configured(**changes)(folder)
    found = check_model(str(folder))
    assert all(sentence.strip().endswith((".", "`")) for sentence in found.problems)


FILES = (
    "config.json", "model.safetensors.index.json", WEIGHTS, "tokenizer.json",
    "tokenizer_config.json", "adapter_config.json", "chat_template.jinja",
)  # fmt: skip


@SETTINGS
@given(st.sampled_from(FILES), WILD.map(lambda value: json.dumps(value).encode()) | st.binary())
def test_no_file_makes_the_check_fail(tiny: Path, name: str, content: bytes) -> None:
    with TemporaryDirectory() as parent:
        folder = Path(shutil.copytree(tiny, Path(parent) / "model"))
        (folder / name).write_bytes(content)
        if name == "adapter_config.json":
            (folder / "config.json").unlink()
        check_model(str(folder))


def test_set_up_says_the_same_and_writes_nothing(
    folder: Path, store: Store, tmp_path: Path
) -> None:
    truncated(folder)
    library = PolicyLibrary(tmp_path / "policies")
    with pytest.raises(Unavailable, match=r"model.safetensors is truncated.*TUTELAGE_BASE_MODEL"):
        base.ensure_base(store, library, str(folder))
    assert library.ids() == []
    assert not any(library.root.glob("*"))


def test_weights_larger_than_memory_are_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sysconf", lambda name: 1)
    assert "memory" in " ".join(check_model(str(folder)).problems)


@pytest.mark.parametrize(
    ("source", "told"),
    [("/no/such/folder", "no folder"), ("./nothing", "no folder"), ("model.gguf", "GGUF")],
)
def test_a_path_to_nothing_is_refused(source: str, told: str) -> None:
    assert told in check_model(source).problems[0]


def test_a_hub_id_offline_says_how_to_bring_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: Any, **__: Any) -> str:
        raise LocalEntryNotFoundError("offline")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", offline)
    assert "hf download some/model" in check_model("some/model").problems[0]


def test_the_command_prints_a_table(folder: Path) -> None:
    done = CliRunner().invoke(app, ["models", "check", str(folder), "--json"])
    assert done.exit_code == 0
    facts = json.loads(done.stdout.splitlines()[-1])
    assert facts["training"] == "fast path"
    assert facts["engine"].startswith("embedded")


def test_the_command_fails_where_something_is_missing(folder: Path) -> None:
    without("*.jinja")(folder)
    done = CliRunner().invoke(app, ["models", "check", str(folder)])
    assert done.exit_code == 1
    assert "no chat template" in done.stdout


def test_16_bits_stay_16_bits(folder: Path, tmp_path: Path) -> None:
    load_whole(folder, "bfloat16").save_pretrained(folder)
    base.build(tmp_path, str(folder))
    assert model_check.read_weights(tmp_path).types == ("BF16",)


def test_the_base_policy_has_its_reference(folder: Path, tmp_path: Path) -> None:
    base.build(tmp_path, str(folder))
    stored = read_reference(tmp_path)
    (tmp_path / PARITY).unlink()
    computed = read_reference(tmp_path)
    assert (stored.ids, stored.tokens) == (computed.ids, computed.tokens)
    for ours, theirs in zip(stored.logprobs, computed.logprobs, strict=True):
        assert ours == pytest.approx(theirs, abs=1e-4)


def test_a_missing_weight_is_not_made_up(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / WEIGHTS)
    tensors.pop("model.norm.weight")
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    with pytest.raises(Unavailable, match=r"model.norm.weight is missing"):
        load_whole(folder, "float32")
