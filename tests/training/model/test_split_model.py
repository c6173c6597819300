from pathlib import Path

import pytest
import torch
from split_models import IDS, disturbed
from transformers import AutoModelForCausalLM

from training.config import IterationConfig
from training.model.batching import positions
from training.model.load import load_model
from training.model.lora import merge
from training.model.split_model import SplitModel
from training.model.tokenizer import ChatTokenizer
from tutelage.errors import Invalid
from tutelage.policies.adapter import adapter_of
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


def test_a_policy_that_is_trained_further_stands_on_the_same_base(
    model: SplitModel, tiny_policy: Path, smoke: IterationConfig, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    model.save(tiny_policy, first, disturbed(model.adapted(4, 8.0, 0)))
    again = load_model(first, smoke)
    adapted = disturbed(again.adapted(2, 4.0, 1))
    again.save(first, second, adapted)
    merge(adapted, into=again.reference)
    found = adapter_of(second)
    assert found is not None and found.base.samefile(tiny_policy)
    assert {update.rank for update in found.updates.values()} == {6}
    torch.testing.assert_close(
        load_whole(second, "float32")(IDS).logits, again.model(IDS).logits, atol=1e-4, rtol=1e-4
    )


@pytest.mark.parametrize("layers", [0, 4])
def test_a_split_outside_the_model_is_refused(
    layers: int, tiny_policy: Path, smoke: IterationConfig
) -> None:
    plain = AutoModelForCausalLM.from_pretrained(tiny_policy)
    with pytest.raises(Invalid, match="between 1 and 3"):
        SplitModel(plain, layers)
