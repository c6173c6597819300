"""PPO: improves the SFT policy against the reward model (InstructGPT §3.5, step 3).

``PPO.step`` reads as the paper's steps. What the paper does not have is in ``selection.py``: the
policy kept is the one at the peak of a second, held-out reward model, and training stops there.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training import rlhf
from training.compute import compute
from training.config import IterationConfig
from training.model.load import load_model
from training.model.lora import load_adapter, merge
from training.model.tokenizer import ChatTokenizer, Message
from training.ppo.collect import RolloutCollector
from training.ppo.experience import ExperienceMaker, Trajectories
from training.ppo.selection import CheckpointSelection, measure
from training.ppo.state import RandomStreams, TrainerState, load_checkpoint, save_checkpoint
from training.ppo.update import Diverged, PolicyUpdate, value_head
from training.progress import Progress
from training.reward.model import RewardModel, check_policy
from training.reward.preferences import Row
from tutelage import jsonl
from tutelage.errors import Invalid
from tutelage.iteration_folder import METRICS

CHECKPOINT = "checkpoint.safetensors"


def train_ppo(
    sft_dir: Path,
    reward_dir: Path,
    heldout_reward_dir: Path,
    prompts: Sequence[Sequence[Message]],
    eval_prompts: Sequence[Sequence[Message]],
    config: IterationConfig,
    out_dir: Path,
    progress: Progress,
    ptx_data: Sequence[Row] = (),
    replay_data: Sequence[Row] = (),
) -> dict[str, Any]:
    """Trains the policy and writes the best one to ``out_dir/policy``; resumes if it was killed.

    Args:
        sft_dir: the policy to begin with, which is also the reference.
        reward_dir, heldout_reward_dir: the reward model to optimise against (the proxy), and the
            held-out one that selects the policy.
        prompts, eval_prompts: conversations to respond to; the latter are never trained on.
        ptx_data: {"messages": [...]}, dialogues for PPO-ptx; used if ``ptx_coef`` is above 0.
        replay_data: {"prompt": [messages], "token_ids", "logprobs"}, logged responses with the
            log-probabilities they were drawn with, for the settings' share of each batch.

    Returns: metrics of the policy kept, and why training stopped, in words.
    Raises: Invalid: no prompt is short enough, a reward model belongs to another policy, or
    ``ptx_coef`` is above 0 and there is no dialogue for it.
    """
    with compute(config):
        run = PPO(sft_dir, reward_dir, heldout_reward_dir, config, out_dir)
        run.set_ptx_data(ptx_data)
        run.set_replay_data(replay_data)
        return run.train(prompts, eval_prompts, progress)


class PPO:
    """One run: its models, its state, and the steps of an update."""

    def __init__(
        self, sft_dir: Path, reward_dir: Path, heldout_dir: Path, config: IterationConfig, out: Path
    ) -> None:
        self.config, self.source, self.out = config, sft_dir, out
        self.tokenizer = ChatTokenizer(sft_dir)
        self.model = load_model(sft_dir, config)
        proxy = RewardModel.load(reward_dir).to(self.model.device)
        held_out = RewardModel.load(heldout_dir).to(self.model.device)
        check_policy((proxy, held_out), sft_dir)
        self.policy = self.model.adapted(config.ppo.lora_rank, config.ppo.lora_alpha, config.seed)
        self.value = value_head(proxy)
        self.state = TrainerState(kl_coef=config.ppo.kl_coef)
        streams = RandomStreams(config.seed)
        self.collector = RolloutCollector(
            self.model, self.policy, self.tokenizer, config.ppo, streams
        )
        self.maker = ExperienceMaker(self.model, self.value, proxy, held_out, config)
        self.policy_update = PolicyUpdate(self.model, self.policy, self.value, config.ppo, streams)
        self.selection = CheckpointSelection(self.policy, config, out)

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

    def train(
        self,
        prompts: Sequence[Sequence[Message]],
        eval_prompts: Sequence[Sequence[Message]],
        progress: Progress,
    ) -> dict[str, Any]:
        """Updates the policy until there is a reason to stop; writes the one that was kept."""
        self.collector.set_prompts(prompts, eval_prompts)
        self.resume()
        stop_reason = None
        while stop_reason is None:
            stop_reason = self.step(progress)
        return self.finish(stop_reason)

    def step(self, progress: Progress) -> str | None:
        """One update, in the paper's order. Returns why training stops here, if it does."""
        started = time.monotonic()
        # 1. Responses: new, replayed, and to eval prompts.
        rollouts = self.collector.sample_rollouts(self.state.update)
        # 2. Log-probabilities, those of the reference, values, scores.
        experience = self.maker.make_experience(rollouts)
        # By the held-out score: is this policy the best so far, and is the peak past?
        metrics = measure(experience, self.state)
        stop_reason = self.selection.select(metrics, self.state)
        if stop_reason is None:
            # 3. Reward per token: score - kl_coef * KL.
            rewards = self.token_rewards(experience.train)
            # 4. Advantages and returns.
            batch = self.centre_values(experience.train, rewards)
            advantages, returns = self.gae(batch, rewards)
            # 5. Policy and value head, on clipped losses.
            try:
                metrics |= self.policy_update.update_policy(
                    batch, advantages, returns, self.state.update
                )
                self.adapt_kl_coef(metrics["objective/kl"])
            except Diverged as error:
                stop_reason = str(error)
        # 6. Metrics, and a checkpoint from which a killed run goes on.
        self.record(metrics | {"seconds": time.monotonic() - started}, progress)
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
    def centre_values(self, batch: Trajectories, rewards: Tensor) -> Trajectories:
        """At the first update, shifts the value head to the batch's mean return; then does nothing.

        It starts as the reward model, which does not know the penalty for a missing EOS.
        """
        if self.state.update > 0:
            return batch
        returns = rewards.flip(1).cumsum(1).flip(1)
        shift = rlhf.masked_mean(returns - batch.values, batch.mask)
        self.value.bias.add_(shift)
        return replace(batch, values=batch.values + shift)

    def gae(self, batch: Trajectories, rewards: Tensor) -> tuple[Tensor, Tensor]:
        """Whitened advantages, and the returns that the value head learns: both [B, T]."""
        advantages, returns = rlhf.advantages_and_returns(
            rewards, batch.values, batch.mask, self.config.ppo.gamma, self.config.ppo.lam
        )
        return rlhf.whiten(advantages, batch.mask), returns

    def adapt_kl_coef(self, kl: float) -> None:
        """Moves the KL penalty's coefficient towards the target KL, if the settings name one."""
        if self.config.ppo.kl_target:
            self.state.kl_coef = rlhf.adapted_kl_coef(
                self.state.kl_coef, kl, self.config.ppo.kl_target
            )

    def record(self, metrics: dict[str, float], progress: Progress) -> None:
        """Ends an update: its metrics go to the history, the file and the progress."""
        self.state.history.append(metrics)
        self.state.update += 1
        jsonl.append(self.out / METRICS, metrics)
        progress("ppo", len(self.state.history), self.config.ppo.updates + 1, metrics)

    def save_checkpoint(self) -> None:
        """Writes all that ``resume`` needs."""
        groups = self.policy_update.state_dict() | {"best": self.selection.best}
        save_checkpoint(self.out / CHECKPOINT, self.state, groups)

    def resume(self) -> None:
        """Goes back to the last checkpoint, if there is one; metrics after it are dropped."""
        self.out.mkdir(parents=True, exist_ok=True)
        path = self.out / CHECKPOINT
        if path.is_file():
            self.state, groups = load_checkpoint(path)
            self.policy_update.load_state_dict(groups)
            self.selection.best = groups["best"]
        jsonl.write(self.out / METRICS, self.state.history)

    def finish(self, stop_reason: str) -> dict[str, Any]:
        """Writes the policy that was kept; returns its metrics and those of the run."""
        load_adapter(self.policy, self.selection.best)
        merge(self.policy, into=self.model.reference)
        self.model.save(self.source, self.out / "policy")
        kept = max(0, self.state.best_update)  # none was kept where all scores are NaN
        return self.state.history[kept] | {
            "updates": len(self.state.history) - 1,
            "kept_update": kept,
            "stop_reason": stop_reason,
            "seconds": sum(row["seconds"] for row in self.state.history),
        }
