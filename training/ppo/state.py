"""What a PPO run has to remember: its state, its checkpoints, and its streams of random numbers.

A run that was killed goes on from its last checkpoint and ends as one that was not.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from training.model.checkpoint import load_state, save_state

TensorGroups = Mapping[str, Mapping[str, Tensor]]


@dataclass
class TrainerState:
    """How far a run is, apart from its tensors."""

    update: int = 0  # the number of the next update
    kl_coef: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)  # one row of metrics per update


def save_checkpoint(path: Path, state: TrainerState, groups: TensorGroups) -> None:
    """Writes the state and named groups of tensors as one file, whole or not at all."""
    tensors = {
        f"{group}.{name}": tensor
        for group, members in groups.items()
        for name, tensor in members.items()
    }
    save_state(path, tensors, asdict(state))


def load_checkpoint(path: Path) -> tuple[TrainerState, dict[str, dict[str, Tensor]]]:
    """Reads what ``save_checkpoint`` wrote; a group without tensors is left out."""
    tensors, facts = load_state(path)
    groups: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        group, _, name = key.partition(".")
        groups.setdefault(group, {})[name] = tensor
    return TrainerState(**facts), groups


@dataclass(frozen=True)
class RandomStreams:
    """One stream of random numbers for each use.

    A stream depends on the seed, its use and the update alone: a checkpoint need not save it, and
    one use can draw more without changing what another gets.
    """

    seed: int

    def replayed_rows(self, update: int) -> torch.Generator:
        """Which logged responses an update learns from again."""
        return self._stream(0, update + 1)

    def prompt_order(self, turn: int) -> torch.Generator:
        """The order of the training prompts in one pass over them."""
        return self._stream(1, turn)

    def train_sampling(self, update: int) -> torch.Generator:
        """The tokens of the responses to training prompts."""
        return self._stream(2, update)

    def eval_sampling(self) -> torch.Generator:
        """The tokens of the responses to eval prompts: the same numbers at every update.

        Their scores then differ by what was learned and less by chance.
        """
        return self._stream(3, 0)

    def minibatch_order(self, update: int, epoch: int) -> torch.Generator:
        """The order of the rows in one epoch over an update's batch."""
        return self._stream(4 + epoch, update)

    def ptx_rows(self, update: int) -> torch.Generator:
        """Which dialogues go with each optimiser step of an update."""
        return self._stream(0, 500_000 + update)

    def control_draws(self) -> torch.Generator:
        """Which response counts as the best for a control without people's preference."""
        return self._stream(0, 900_000)

    def _stream(self, use: int, step: int) -> torch.Generator:
        return torch.Generator().manual_seed((self.seed * 8 + use) * 1_000_003 + step)
