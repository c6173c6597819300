from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from training.config import IterationConfig, PPOConfig, RewardModelConfig
from tutelage.errors import Invalid


@pytest.mark.parametrize("preset", ["smoke", "quick", "standard"])
def test_a_preset_bears_its_name_and_survives_a_round_trip(preset: str, tmp_path: Path) -> None:
    config = IterationConfig.load(preset)
    config.dump(tmp_path / "config.toml")
    assert config.preset == preset
    assert IterationConfig.load(tmp_path / "config.toml") == config


def test_the_digest_follows_every_setting() -> None:
    config = IterationConfig()
    assert config.digest() == IterationConfig().digest()
    assert config.digest() != replace(config, ppo=PPOConfig(lam=0.9)).digest()


def test_an_unknown_setting_is_named() -> None:
    with pytest.raises(Invalid, match=r"ppo\.bach") as refusal:
        IterationConfig.from_dict({"ppo": {"bach": 3}})
    assert refusal.value.field == "ppo.bach"


def test_a_wrong_type_is_named() -> None:
    with pytest.raises(Invalid, match=r"ppo\.batch: Input should be a valid integer"):
        IterationConfig.from_dict({"ppo": {"batch": "many"}})


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"reward_model": {"reads": "middle"}}, "reward_model.reads"),
        ({"reward_model": {"penalties": ["much"]}}, "reward_model.penalties.0"),
        ({"ppo": {"whiten_rewards": 1}}, "ppo.whiten_rewards"),
        ({"gate": 3}, "gate"),
    ],
)
def test_a_wrong_value_is_named(values: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        IterationConfig.from_dict(values)
    assert refusal.value.field == field


def test_whole_numbers_and_arrays_are_read_as_the_settings_have_them() -> None:
    config = IterationConfig.from_dict({"reward_model": {"penalties": [1, 2.5]}, "seed": 3})
    assert (config.reward_model.penalties, config.seed) == ((1.0, 2.5), 3)
    assert config == IterationConfig(seed=3, reward_model=RewardModelConfig(penalties=(1.0, 2.5)))


def test_an_unknown_preset_lists_those_there_are() -> None:
    with pytest.raises(Invalid, match="quick, smoke, standard"):
        IterationConfig.load("brisk")


def test_a_file_that_is_not_toml_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("batch == 3")
    with pytest.raises(Invalid, match="not valid TOML"):
        IterationConfig.load(tmp_path / "bad.toml")
