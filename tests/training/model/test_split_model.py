from pathlib import Path

import pytest
import torch
from split_models import IDS, disturbed
from transformers import AutoModelForCausalLM

from training.config import IterationConfig
from training.model.batching import positions
from training.model.lora import merge
from training.model.split_model import SplitModel
from training.model.tokenizer import ChatTokenizer
from tutelage.errors import Invalid
from tutelage.policies.parity import load_whole


def test_trunk_and_top_together_are_the_model(model: SplitModel) -> None:
    final = model.top(model.reference, model.trunk(IDS, positions(IDS)), positions(IDS))
    torch.testing.assert_close(model.head(final), model.model(IDS).logits)


def test_a_saved_policy_is_one_for_transformers(
    model: SplitModel, tiny_policy: Path, tmp_path: Path
) -> None:
    adapted = disturbed(model.adapted(4, 8.0, 0))
    model.save(tiny_policy, tmp_path / "policy", adapted)
    loaded = load_whole(tmp_path / "policy", "float32")
    merge(adapted, into=model.reference)
    torch.testing.assert_close(loaded(IDS).logits, model.model(IDS).logits)
    assert ChatTokenizer(tmp_path / "policy").eos_ids == {2}


@pytest.mark.parametrize("layers", [0, 4])
def test_a_split_outside_the_model_is_refused(
    layers: int, tiny_policy: Path, smoke: IterationConfig
) -> None:
    plain = AutoModelForCausalLM.from_pretrained(tiny_policy)
    with pytest.raises(Invalid, match="between 1 and 3"):
        SplitModel(plain, layers)
