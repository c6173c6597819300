"""The graph computes what transformers does for each family that it reads, or is not used."""

from pathlib import Path
from typing import Any

import pytest
from family_twins import LLAMA3_ROPE, write_twin
from readings import largest_difference

from server.generators.choice import engine_for, load_fitting
from server.generators.embedded.config import LlamaConfig, Unsupported
from server.generators.embedded.graph_runner import load_graph
from tutelage.policies.model_check import read_config
from tutelage.policies.parity import load_whole

SCALED = {"rope_theta": 1e4, "factor": 4.0, "original_max_position_embeddings": 32}
READ: list[tuple[str, dict[str, Any]]] = [
    ("llama", {}),
    ("llama", {"rope_parameters": LLAMA3_ROPE}),
    ("llama", {"rope_parameters": {"rope_type": "linear", **SCALED}}),
    ("llama", {"rope_parameters": {"rope_type": "yarn", **SCALED}}),
    ("mistral-window", {}),
    ("qwen2", {"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 2}),
    ("qwen3", {}),
    ("smollm3", {}),
    ("granite", {"attention_multiplier": 0.3}),
]


def write_exact(twin: str, path: Path, **settings: Any) -> Path:
    """A twin whose weights are exact in 16 bits, in which they are served."""
    write_twin(twin, path, **settings)
    load_whole(path, "float32").half().float().save_pretrained(path)
    return path


@pytest.mark.parametrize(("twin", "settings"), READ)
def test_log_probabilities_are_those_of_transformers(
    twin: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    path = write_exact(twin, tmp_path, **settings)
    runner = load_graph("policy-0000", path, 1, 1024, "f16")
    assert largest_difference(runner, path) < 0.02  # keys and values are in 16 bits
    assert engine_for(read_config(path))[0] == "embedded"


def test_a_graph_that_is_wrong_is_refused_and_transformers_serves_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_exact("llama", tmp_path)
    right = LlamaConfig.frequencies
    monkeypatch.setattr(LlamaConfig, "frequencies", lambda self: (right(self)[0] * 2, 1.0))
    with pytest.raises(Unsupported, match=r"does not read this model right: .* nats"):
        load_graph("policy-0000", path, 1, 1024, "f16")
    runner = load_fitting("policy-0000", path, 1, 1024, "auto")
    assert runner.engine.startswith("transformers")
    assert "does not read this model right" in runner.engine


def test_another_family_is_served_by_transformers(tmp_path: Path) -> None:
    path = write_twin("gemma3_text", tmp_path)
    runner = load_fitting("policy-0000", path, 1, 1024, "auto")
    assert runner.engine.startswith("transformers, float32")
    assert "gemma3_text" in runner.engine
    assert engine_for(read_config(path))[0] == "transformers"


def test_a_family_with_layers_of_its_own_needs_a_remote_engine(tmp_path: Path) -> None:
    assert engine_for(read_config(write_twin("lfm2", tmp_path)))[0] == "vLLM or TGI"
