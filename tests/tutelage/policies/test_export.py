"""A policy that is exported says the same elsewhere."""

import json
from pathlib import Path

import pytest
import torch
from gguf import GGUFReader
from transformers import AutoModelForCausalLM, AutoTokenizer

from training.model.tiny import write_tiny_policy
from tutelage.errors import Conflict, Invalid, Unavailable
from tutelage.policies.export import export_folder, export_gguf

TEXT = "<|im_start|>user\nHow are you, at 10:25?<|im_end|>\n"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("policies") / "policy-0000"
    write_tiny_policy(path)
    (path / "manifest.json").write_text("{}")
    return path


def logprobs(folder: Path, **where: str) -> torch.Tensor:
    """Log-probabilities of TEXT, by transformers."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **where)
    tokens = AutoTokenizer.from_pretrained(folder, **where)(TEXT, return_tensors="pt")
    with torch.no_grad():
        found: torch.Tensor = model(tokens.input_ids).logits.log_softmax(-1)
    return found


def test_a_gguf_file_reads_back_with_the_same_log_probabilities(tiny: Path, tmp_path: Path) -> None:
    export_gguf(tiny, tmp_path / "tiny.gguf", "tiny")
    found = logprobs(tmp_path, gguf_file="tiny.gguf")
    assert torch.allclose(found, logprobs(tiny), atol=0.05)  # 16-bit matrices
    assert [each.name for each in tmp_path.iterdir()] == ["tiny.gguf"]


def test_a_gguf_file_carries_template_and_special_tokens(tiny: Path, tmp_path: Path) -> None:
    export_gguf(tiny, tmp_path / "tiny.gguf", "tiny")
    fields = GGUFReader(tmp_path / "tiny.gguf").fields
    template = fields["tokenizer.chat_template"].contents()
    assert template == (tiny / "chat_template.jinja").read_text()
    assert fields["tokenizer.ggml.eos_token_id"].contents() == 2
    assert fields["tokenizer.ggml.pre"].contents() == "gpt-2"


def test_a_folder_is_what_from_pretrained_reads(tiny: Path, tmp_path: Path) -> None:
    export_folder(tiny, tmp_path / "out")
    assert torch.equal(logprobs(tmp_path / "out"), logprobs(tiny))
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_nothing_is_overwritten(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(Conflict, match="already exists"):
        export_folder(tiny, tmp_path)
    with pytest.raises(Invalid, match=r"folder .* does not exist"):
        export_gguf(tiny, tmp_path / "missing" / "tiny.gguf", "tiny")


def test_what_llama_cpp_would_read_otherwise_is_refused(tiny: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    export_folder(tiny, other)
    tokenizer = json.loads((other / "tokenizer.json").read_text())
    tokenizer["pre_tokenizer"] = {"type": "Whitespace"}
    (other / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(Unavailable, match="pre-tokenizer"):
        export_gguf(other, tmp_path / "other.gguf", "other")
    assert not (tmp_path / "other.gguf").exists()
