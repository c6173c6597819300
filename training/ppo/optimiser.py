"""What every optimiser is: policy, judged data and settings in, a ladder of policies out.

PPO, RLOO, DPO, imitation and another trainer differ in ``optimise`` alone. The models, the
measuring, the choice of a rung and the policy that is written are the same for all.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from training import parallel
from training.config import IterationConfig
from training.model.load import load_model
from training.model.tokenizer import ChatTokenizer, Message
from training.ppo.collect import RolloutCollector
from training.ppo.diagnostics import diagnose
from training.ppo.experience import Experience, ExperienceMaker
from training.ppo.ladder import Ladder, Rung, choose, measure
from training.ppo.state import RandomStreams
from training.progress import Progress
from training.reward.model import RewardModel, check_policy
from training.reward.preferences import Row
from tutelage import jsonl
from tutelage.iteration_folder import METRICS

STAGE = "ppo"


@dataclass(frozen=True)
class JudgedData:
    """What a policy is optimised with.

    Prompts are conversations to respond to; those for evaluation are never trained on. Rankings
    are of the train side, as in a snapshot.
    """

    prompts: Sequence[Sequence[Message]]
    eval_prompts: Sequence[Sequence[Message]]
    rankings: Sequence[Row] = ()
    ptx_data: Sequence[Row] = ()  # {"messages": [...]}, dialogues for PPO-ptx
    replay_data: Sequence[Row] = ()  # {"prompt", "token_ids", "logprobs"}: logged responses


class Optimiser(ABC):
    """One run: its models, its ladder, and the metrics of each rung."""

    def __init__(
        self, sft_dir: Path, reward_dir: Path, heldout_dir: Path, config: IterationConfig, out: Path
    ) -> None:
        self.config, self.source, self.out = config, sft_dir, out
        self.tokenizer = ChatTokenizer(sft_dir)
        self.model = load_model(sft_dir, config)
        self.proxy = RewardModel.load(reward_dir).to(self.model.device)
        held_out = RewardModel.load(heldout_dir).to(self.model.device)
        check_policy((self.proxy, held_out), sft_dir)
        self.policy = self.model.adapted(config.ppo.lora_rank, config.ppo.lora_alpha, config.seed)
        self.streams = RandomStreams(config.seed)
        self.collector = RolloutCollector(
            self.model, self.policy, self.tokenizer, config.ppo, self.streams, sft_dir
        )
        self.maker = ExperienceMaker(self.model, self.proxy, held_out, config)
        self.ladder = Ladder(self.policy, out)
        self.draws = self.streams.control_draws()
        self.history: list[dict[str, float]] = []  # a row of metrics per rung
        self.first: Rung | None = None

    @abstractmethod
    def optimise(self, data: JudgedData, progress: Progress) -> str:
        """Improves the policy, adding rungs to the ladder. Returns why it stopped, in words."""

    def train(
        self, data: JudgedData, progress: Progress, skipped: str | None = None
    ) -> dict[str, Any]:
        """Optimises, chooses a rung and writes it to ``policy`` in the output folder.

        Args: skipped: why the first policy is kept as it is, if it is.
        Returns: metrics of the rung that was kept, and of the run.
        """
        self.out.mkdir(parents=True, exist_ok=True)
        self.collector.set_prompts(data.prompts, data.eval_prompts)
        jsonl.write(self.out / METRICS, [])  # of a run that was interrupted
        if skipped:
            self.add_rung(0, 1, {}, progress)
            return self.finish(skipped, scales=())
        stop_reason = self.optimise(data, progress)
        control = self.config.optimise.selection == "last"
        return self.finish(stop_reason, () if control else self.config.optimise.scales)

    @property
    def adapter(self) -> list[nn.Parameter]:
        """What is trained."""
        return [p for p in self.policy.parameters() if p.requires_grad]

    def any_of(self, count: int) -> int:
        """A number below ``count``, drawn."""
        return int(torch.randint(count, (1,), generator=self.draws))

    def add_rung(
        self, update: int, total: int, metrics: dict[str, float], progress: Progress
    ) -> str | None:
        """Measures the policy as it is and adds it to the ladder, with metrics of its training.

        Returns: why training should stop here, if it should.
        """
        started = time.monotonic()
        rung = self.measure_policy(update)
        stop_reason = self.keep(rung)
        seconds = metrics.get("seconds", 0.0) + time.monotonic() - started
        self.record(rung.metrics | metrics | {"seconds": seconds}, total, progress)
        return stop_reason

    def measure_policy(self, update: int) -> Rung:
        """The policy's responses to the eval prompts, as a rung."""
        responses = self.maker.score(self.collector.sample_eval())
        experience = Experience(responses, responses, responses)
        return measure(
            experience,
            update,
            self.config.ppo.kl_coef,
            self.first.scores if self.first else None,
        )

    def keep(self, rung: Rung) -> str | None:
        """Adds a rung unless it fails a health check. Returns why training should stop, if so."""
        self.first = self.first or rung
        unhealthy = diagnose([*self.history, rung.metrics], self.config.doctor)
        # The first policy is always there to be kept.
        self.ladder.add(rung, healthy=rung.update == 0 or not unhealthy)
        return parallel.agreed(unhealthy or self._spent(rung))

    def _spent(self, rung: Rung) -> str | None:
        if rung.kl <= self.config.ppo.kl_budget:
            return None
        return f"The KL budget of {self.config.ppo.kl_budget:g} nats is spent."

    def record(self, metrics: dict[str, float], total: int, progress: Progress) -> None:
        """Adds a row of metrics to the history, the file and the progress."""
        self.history.append(metrics)
        jsonl.append(self.out / METRICS, metrics)
        progress(STAGE, len(self.history), total, metrics)

    def finish(self, stop_reason: str, scales: Sequence[float]) -> dict[str, Any]:
        """Measures the last adapter scaled, chooses, and writes the rung that is kept."""
        optimise = self.config.optimise
        rungs = [*self.ladder.rungs(), *self.interpolations(scales)]
        self.ladder.write(rungs)
        kept = choose(rungs, self.config.ppo.kl_budget, optimise.selection)
        self.ladder.load(kept.update, kept.scale)
        self.model.save(self.source, self.out / "policy", self.policy)
        return (
            self.history[kept.update]
            | kept.metrics
            | {
                "updates": len(self.history) - 1,
                "kept_update": kept.update,
                "kept_scale": kept.scale,
                "stop_reason": stop_reason,
                "seconds": sum(row["seconds"] for row in self.history),
            }
        )

    def interpolations(self, scales: Sequence[float]) -> list[Rung]:
        """The last policy, scaled towards the first, where that is healthy."""
        last, found = len(self.history) - 1, []
        for scale in scales if last else ():
            self.ladder.load(last, scale)
            rung = replace(self.measure_policy(last), scale=scale)
            if not diagnose([self.history[0], rung.metrics], self.config.doctor):
                found.append(rung)
        return found
