"""RLOO: REINFORCE with the other responses to the same prompt as baseline, no value model.

Ahmadian et al. 2024, "Back to basics", arXiv 2402.14740, eq. 7: k responses a prompt, each compared
with the mean reward of the other k - 1. The reward is the score less the KL penalty of the whole
response. The update is PPO's, clipped.
"""

from torch import Tensor

from training import rlhf
from training.ppo.experience import Trajectories
from training.ppo.optimiser import JudgedData
from training.ppo.trainer import PPO
from training.progress import Progress
from tutelage.errors import Invalid


class RLOO(PPO):
    """PPO's loop with advantages from groups of responses."""

    def value_model(self) -> None:
        """There is none."""
        return

    def optimise(self, data: JudgedData, progress: Progress) -> str:
        """Updates the policy until there is a reason to stop.

        Raises: Invalid: the batch is not made of groups of at least two new responses.
        """
        ppo = self.config.ppo
        if ppo.group < 2 or ppo.batch % ppo.group or ppo.reuse:
            raise Invalid(
                f"RLOO compares the responses to a prompt: a batch of {ppo.batch} must be whole "
                f"groups of at least 2, not of {ppo.group}, without logged ones (reuse 0).",
                "ppo.group",
            )
        self.collector.group = ppo.group
        return super().optimise(data, progress)

    def advantages(self, batch: Trajectories, rewards: Tensor) -> Tensor:
        """One advantage for all tokens of a response, whitened: [B, T]."""
        advantages = rlhf.leave_one_out(rewards.sum(1), self.config.ppo.group)
        return rlhf.whiten(advantages[:, None] * batch.mask, batch.mask)
