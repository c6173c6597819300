"""The optimisation stage: the method that the settings name, its ladder, and the rung kept."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training import parallel
from training.compute import compute
from training.config import IterationConfig
from training.optimise.command import Command
from training.optimise.dpo import DPO
from training.optimise.imitation import Distillation, ImitateBestRanked
from training.optimise.rloo import RLOO
from training.ppo.optimiser import JudgedData, Optimiser
from training.ppo.trainer import PPO
from training.ppo.vllm_sampler import VLLMSampler
from training.progress import Progress

METHODS: dict[str, type[Optimiser]] = {
    "ppo": PPO,
    "rloo": RLOO,
    "dpo": DPO,
    "distillation": Distillation,
    "sft-best": ImitateBestRanked,
    "command": Command,
}


@parallel.together
def optimise_policy(
    sft_dir: Path,
    reward_dir: Path,
    heldout_reward_dir: Path,
    data: JudgedData,
    config: IterationConfig,
    out_dir: Path,
    progress: Progress,
    skipped: str | None = None,
    rollout_urls: Sequence[str] = (),
) -> dict[str, Any]:
    """Trains the policy and writes the rung that is kept to ``out_dir/policy``.

    Args:
        sft_dir: the policy to begin with, which is also the reference.
        reward_dir, heldout_reward_dir: the reward model to optimise against (the proxy), and the
            held-out one that selects the rung.
        skipped: why nothing should be optimised, if so: the first policy is then kept.
        rollout_urls: vLLM servers that write the responses; none: this process does.

    Returns: metrics of the policy kept, and why training stopped, in words.
    Raises: Invalid: no prompt is short enough, a reward model belongs to another policy, there is
    nothing that the method can learn from, or another trainer left something unusable. Unavailable:
    another trainer or all vLLM servers failed.
    """
    with compute(config):
        method = METHODS[config.optimise.method]
        run = method(sft_dir, reward_dir, heldout_reward_dir, config, out_dir)
        if rollout_urls:
            run.collector.servers = VLLMSampler(rollout_urls, out_dir / "rollouts")
        try:
            return run.train(data, progress, skipped)
        finally:
            if run.collector.servers:
                run.collector.servers.close()
