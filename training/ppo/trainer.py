"""PPO: improves the SFT policy against the reward model (InstructGPT §3.5, step 3).

``PPO.step`` reads as the paper's steps. What the paper does not have is the ladder: the policy kept
is chosen among all that were passed, by a second, held-out reward model.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from training import rlhf
from training.config import IterationConfig
from training.ppo.experience import Trajectories
from training.ppo.ladder import measure
from training.ppo.optimiser import JudgedData, Optimiser
from training.ppo.state import TrainerState, load_checkpoint, save_checkpoint
from training.ppo.update import Diverged, PolicyUpdate
from training.ppo.value import ValueModel
from training.progress import Progress
from training.reward.preferences import Row
from tutelage import jsonl
from tutelage.errors import Invalid
from tutelage.iteration_folder import METRICS

CHECKPOINT = "checkpoint.safetensors"


class PPO(Optimiser):
    """One run: its models, its state, and the steps of an update."""

    def __init__(
        self, sft_dir: Path, reward_dir: Path, heldout_dir: Path, config: IterationConfig, out: Path
    ) -> None:
        super().__init__(sft_dir, reward_dir, heldout_dir, config, out)
        self.value = self.value_model()
        self.maker.value = self.value
        self.state = TrainerState(kl_coef=config.ppo.kl_coef)
        self.history = self.state.history
        self.policy_update = PolicyUpdate(self.model, self.policy, config.ppo, self.streams)

    def value_model(self) -> ValueModel | None:
        """What predicts returns; None: the method does without."""
        return ValueModel(self.proxy)

    def set_ptx_data(self, dialogues: Sequence[Row]) -> None:
        """Dialogues whose likelihood is raised beside the reward (PPO-ptx), if the settings say so.

        Raises: Invalid: the settings say so, and no dialogue fits into ``sft.max_tokens``.
        """
        if not self.config.ppo.ptx_coef:
            return
        limit = self.config.sft.max_tokens
        found = [self.tokenizer.recent(row["messages"], limit) for row in dialogues]
        self.policy_update.ptx_data = [dialogue for dialogue in found if dialogue is not None]
        if not self.policy_update.ptx_data:
            raise Invalid(
                f"ptx_coef is {self.config.ppo.ptx_coef:g}, but no demonstration or best-ranked "
                f"response of at most {limit} tokens is there to learn from. Collect some, or set "
                "ptx_coef to 0.",
                "ppo.ptx_coef",
            )

    def set_replay_data(self, logged: Sequence[Row]) -> None:
        """Responses that a policy wrote before, to learn from beside new ones (off-policy)."""
        self.collector.replay.fill(logged)

    def optimise(self, data: JudgedData, progress: Progress) -> str:
        """Updates the policy until there is a reason to stop; resumes if it was killed."""
        self.set_ptx_data(data.ptx_data)
        self.set_replay_data(data.replay_data)
        self.resume()
        stop_reason = None
        while stop_reason is None:
            stop_reason = self.step(progress)
        return stop_reason

    def step(self, progress: Progress) -> str | None:
        """One update, in the paper's order. Returns why training stops here, if it does."""
        started = time.monotonic()
        # 1. Responses: new, replayed, and to eval prompts.
        rollouts = self.collector.sample_rollouts(self.state.update)
        # 2. Log-probabilities, those of the reference, values, scores.
        experience = self.maker.make_experience(rollouts)
        # This policy is a rung of the ladder. Is it far enough?
        first = self.first.scores if self.first else None
        rung = measure(experience, self.state.update, self.state.kl_coef, first)
        metrics, stop_reason = dict(rung.metrics), self.keep(rung)
        if stop_reason is None and self.state.update >= self.config.ppo.updates:
            stop_reason = "All updates are done."
        if stop_reason is None:
            # 3. Reward per token: score - kl_coef * KL.
            rewards = self.token_rewards(experience.train)
            # 4. Values and advantages.
            batch, value_metrics = self.learn_values(experience.train, rewards)
            metrics |= value_metrics
            advantages = self.advantages(batch, rewards)
            # 5. The policy, on its clipped loss.
            try:
                metrics |= self.policy_update.update_policy(batch, advantages, self.state.update)
                self.adapt_kl_coef(metrics["objective/kl"])
            except Diverged as error:
                stop_reason = str(error)
        # 6. Metrics, and a checkpoint from which a killed run goes on.
        metrics["seconds"] = time.monotonic() - started
        self.state.update += 1
        self.record(metrics, self.config.ppo.updates + 1, progress)
        if stop_reason is None:
            self.save_checkpoint()
        return stop_reason

    def token_rewards(self, batch: Trajectories) -> Tensor:
        """-kl_coef * KL at each token, the score at the last (InstructGPT eq. 2): [B, T]."""
        rewards = rlhf.kl_penalised_rewards(
            batch.scores, batch.logprobs, batch.ref_logprobs, batch.mask, self.state.kl_coef
        )
        if self.config.ppo.whiten_rewards:
            return rlhf.whiten(rewards, batch.mask, shift_mean=False)
        return rewards

    @torch.no_grad()
    def learn_values(
        self, batch: Trajectories, rewards: Tensor
    ) -> tuple[Trajectories, dict[str, float]]:
        """The batch with values about its mean return, by the head from before; then that learns.

        The metrics are of the values that the update uses: they have not seen these returns, but
        for the mean. Returns are those to come, without discount or bootstrapping.
        """
        if self.value is None:
            return batch, {}
        returns = rewards.flip(1).cumsum(1).flip(1)
        batch = replace(batch, values=self.value.centre(batch.values, returns, batch.mask))
        self.value.fit(batch.value_inputs, returns, batch.mask)
        return batch, {
            "loss/value_avg": float(
                rlhf.masked_mean(0.5 * (batch.values - returns) ** 2, batch.mask)
            ),
            "value/explained_variance": rlhf.explained_variance(batch.values, returns, batch.mask),
        }

    def advantages(self, batch: Trajectories, rewards: Tensor) -> Tensor:
        """Of each token, whitened: [B, T]."""
        advantages = rlhf.gae(
            rewards, batch.values, batch.mask, self.config.ppo.gamma, self.config.ppo.lam
        )
        return rlhf.whiten(advantages, batch.mask)

    def adapt_kl_coef(self, kl: float) -> None:
        """Moves the KL penalty's coefficient towards the target KL, if the settings name one."""
        if self.config.ppo.kl_target:
            self.state.kl_coef = rlhf.adapted_kl_coef(
                self.state.kl_coef, kl, self.config.ppo.kl_target
            )

    def save_checkpoint(self) -> None:
        """Writes all that ``resume`` needs."""
        groups = self.policy_update.state_dict()
        if self.value is not None:
            groups["value"] = dict(self.value.state_dict())
        save_checkpoint(self.out / CHECKPOINT, self.state, groups)

    def resume(self) -> None:
        """Goes back to the last checkpoint, if there is one; metrics after it are dropped."""
        path = self.out / CHECKPOINT
        if path.is_file():
            self.state, groups = load_checkpoint(path)
            self.policy_update.load_state_dict(groups)
            if self.value is not None:
                self.value.load_state_dict(groups["value"])
            self.history = self.state.history
            self.first = self.ladder.rungs()[0]
        jsonl.write(self.out / METRICS, self.history)
