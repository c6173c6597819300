"""What a reward model is: a linear score of what the SFT policy's layers make of a response.

Read are the states of the last layer, and those at the split, which the trunk computes anyway:
middle layers often tell more of what people like. The features are the mean over the response's
tokens, its last token, whether it ended by itself, and its length. They are also defined for every
prefix of a response, so the same weights value unfinished ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from training.config import RewardModelConfig
from training.model.checkpoint import load_state, save_state
from training.model.lora import load_adapter
from training.model.split_model import SplitModel
from tutelage.errors import Invalid
from tutelage.policies.library import weights_sha256

PARTS = ("split_mean", "final_mean", "split_last", "final_last")  # H features each
FLAGS = ("finished", "length")  # then one each: 1 if it ended by itself, and its tokens
USUAL_TOKENS = 20
FILE = "reward_model.safetensors"


@dataclass(frozen=True)
class RewardModel:
    """score = ((features - center) / spread) . weight + bias, in standard deviations.

    Zero and one are the mean and the standard deviation of the answers it was trained on.
    """

    center: Tensor  # [D], D = 4 H + 2
    spread: Tensor  # [D], infinite for what is not read
    weight: Tensor  # [D]
    bias: Tensor  # []
    low: Tensor  # [D] the range of the judged answers' features:
    high: Tensor  # [D] beyond it no response was judged: the reward is not extrapolated
    adapter: dict[str, Tensor]  # LoRA of the top that makes the features; empty: the policy's own
    facts: dict[str, Any]  # metrics, and the sha256 of the policy that makes the features

    def score(self, features: Tensor) -> Tensor:
        """Features [..., D] -> scores [...]."""
        return self.standardise(features) @ self.weight + self.bias

    def standardise(self, features: Tensor) -> Tensor:
        """Features [..., D] -> [..., D], what ``weight`` multiplies.

        The mean of n tokens counts as if ``USUAL_TOKENS`` ordinary ones came with them: the mean of
        a few words is mostly chance, and a policy that can write few words would live off it.
        """
        inside = torch.minimum(torch.maximum(features, self.low), self.high)
        standard = (inside - self.center) / self.spread
        tokens = torch.minimum(features[..., -1:], self.high[-1])
        width = (features.shape[-1] - len(FLAGS)) // 2
        means = standard[..., :width] * (tokens / (tokens + USUAL_TOKENS))
        return torch.cat((means, standard[..., width:]), -1)

    def value_inputs(self, prefixes: Tensor) -> Tensor:
        """What ``weight`` multiplies to value the prefixes of one response: [n + 1, D] -> same.

        A prefix counts by how much of a usual answer it is: before the first token the expected
        score is the mean, 0, and the mean of a few tokens says little about that of fifty.
        """
        usual = self.center[-1]
        return self.standardise(prefixes) * (prefixes[:, -1:] / usual).clamp(max=1)

    def to(self, device: torch.device) -> "RewardModel":
        """The same model with its tensors on another device."""
        moved = {name: getattr(self, name).to(device) for name in _TENSORS}
        return replace(self, **moved)

    def top(self, model: SplitModel, config: RewardModelConfig) -> nn.ModuleList:
        """The layers whose final hidden states this model reads beside those at the split."""
        if not self.adapter:
            return model.reference
        adapted = model.adapted(config.lora_rank, config.lora_alpha, 0)
        load_adapter(adapted, self.adapter)
        return adapted

    def save(self, directory: Path) -> None:
        """Writes the model as one safetensors file."""
        directory.mkdir(parents=True, exist_ok=True)
        own = {name: getattr(self, name) for name in _TENSORS}
        lora = {f"adapter.{name}": tensor for name, tensor in self.adapter.items()}
        save_state(directory / FILE, own | lora, self.facts | {"parts": PARTS + FLAGS})

    @classmethod
    def load(cls, directory: Path) -> "RewardModel":
        """Reads what ``save`` wrote.

        Raises: Invalid: it was written when reward models read something else.
        """
        tensors, facts = load_state(directory / FILE)
        if tuple(facts.get("parts", ())) != PARTS + FLAGS:
            raise Invalid(
                f"The reward model in {directory} is of an earlier version. The next iteration "
                "trains another.",
                "reward_dir",
            )
        lora = {k.removeprefix("adapter."): v for k, v in tensors.items() if "." in k}
        return cls(**{name: tensors[name] for name in _TENSORS}, adapter=lora, facts=facts)


_TENSORS = ("center", "spread", "weight", "bias", "low", "high")


def check_policy(reward_models: Sequence[RewardModel], policy_dir: Path) -> None:
    """Raises Invalid unless all of the reward models read this policy's features."""
    digest = weights_sha256(policy_dir)
    if any(reward_model.facts["policy"] != digest for reward_model in reward_models):
        raise Invalid(
            f"The reward model was not trained on {policy_dir}. Train it again on that policy.",
            "reward_dir",
        )
