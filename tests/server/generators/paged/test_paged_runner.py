"""Every family's log-probabilities are transformers' own, or the family is refused."""

from pathlib import Path

import pytest
from family_twins import TWINS, family, write_twin
from readings import largest_difference

from server.generators.embedded.config import Unsupported
from server.generators.embedded.model_runner import ModelRunner
from server.generators.paged.runner import load_paged, load_policy
from tutelage.errors import Unavailable
from tutelage.policies.parity import load_whole

OWN_LAYERS = ("lfm2", "falcon")  # layers that keep another state, or compute their own attention


def runner_of(twin: str, path: Path) -> ModelRunner:
    return load_paged("policy-0000", write_twin(twin, path), 1, 1024, "auto")


@pytest.mark.parametrize("twin", [each for each in TWINS if family(each) not in OWN_LAYERS])
def test_log_probabilities_are_those_of_transformers(twin: str, tmp_path: Path) -> None:
    assert largest_difference(runner_of(twin, tmp_path), tmp_path) < 1e-3


@pytest.mark.parametrize("twin", OWN_LAYERS)
def test_layers_of_another_kind_are_refused(twin: str, tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match="vLLM or TGI"):
        runner_of(twin, tmp_path)


def test_weights_of_16_bits_stay_in_16_bits(tmp_path: Path) -> None:
    path = write_twin("llama", tmp_path)
    load_whole(path, "bfloat16").save_pretrained(path)
    assert "bfloat16" in load_paged("policy-0000", path, 1, 1024, "auto").engine


def test_8_bits_need_the_other_engine(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"policy-0000 cannot be loaded .* embedded engine"):
        load_policy("policy-0000", write_twin("llama", tmp_path), 1, 1024, "int8")
