from dataclasses import replace
from pathlib import Path

import pytest
from family_twins import write_twin

from training.config import IterationConfig
from training.model import load
from training.model.general_model import GeneralModel
from training.model.load import load_model, read
from training.model.parity import largest_difference
from training.model.split_model import SplitModel
from tutelage.errors import Unavailable


@pytest.fixture
def settings(smoke: IterationConfig) -> IterationConfig:
    return replace(smoke, top_layers=2)


# What the fast path would make of these families without an error.
@pytest.mark.parametrize("twin", ["gemma2", "granite", "cohere2", "mistral-window"])
def test_a_family_that_the_fast_path_misreads_is_noticed(
    twin: str, settings: IterationConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = write_twin(twin, tmp_path / "policy")
    fast = SplitModel(read(policy, settings), 2)
    assert largest_difference(fast) > 0.01
    monkeypatch.setattr(load, "reason_for_general_path", lambda _: "")
    assert isinstance(load_model(policy, settings), GeneralModel)


def test_a_family_that_neither_path_reads_is_refused(
    settings: IterationConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = write_twin("gemma2", tmp_path / "policy")
    monkeypatch.setattr(load, "largest_difference", lambda _: 0.5)
    with pytest.raises(Unavailable, match=r"'gemma2' cannot be trained .* 0\.5 nats"):
        load_model(policy, settings)


def test_attention_is_causal_whatever_the_file_says(
    settings: IterationConfig, tmp_path: Path
) -> None:
    policy = write_twin("llama", tmp_path / "policy", attn_implementation="eager")
    assert read(policy, settings).config._attn_implementation == "sdpa"


def test_a_model_that_sees_images_is_refused(settings: IterationConfig, tmp_path: Path) -> None:
    policy = write_twin("llama", tmp_path / "policy", vision_config={"hidden_size": 8})
    with pytest.raises(Unavailable, match="reads images or sound"):
        load_model(policy, settings)
