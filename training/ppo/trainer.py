"""PPO: improves the SFT policy against the reward model (InstructGPT §3.5, step 3).

Reads as the paper's steps. What the paper does not have: the policy is measured by a second reward
model, fitted to conversations that the first has not seen; the policy kept is the one at that
model's peak, and training stops once the peak is past.
"""

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from training import rlhf
from training.config import IterationConfig
from training.model.checkpoint import load_state, save_state
from training.model.split_model import (
    SplitModel,
    adapter_state,
    buckets,
    common_prefix,
    compute,
    load_adapter,
    merge,
    merged,
    pad,
    positions,
    share_prefix,
)
from training.model.tokenizer import ChatTokenizer, Message
from training.ppo.diagnostics import diagnose
from training.ppo.rollout import Episode, RolloutSampling, sample
from training.progress import Progress
from training.reward.features import prefix_features
from training.reward.model import RewardModel, check_policy
from training.reward.preferences import Row
from training.sft import Batches
from training.text_statistics import repeated
from tutelage.errors import Invalid

CHECKPOINT, METRICS, GRID = "checkpoint.safetensors", "metrics.jsonl", "grid"
PASS_TOKENS = 2048  # padded tokens of one pass without gradients
MICRO_TOKENS = 768  # and of one with


def train_ppo(
    sft_dir: Path,
    reward_dir: Path,
    heldout_reward_dir: Path,
    prompts: Sequence[Sequence[Message]],
    eval_prompts: Sequence[Sequence[Message]],
    config: IterationConfig,
    out_dir: Path,
    progress: Progress,
    shown: Sequence[Row] = (),
    logged: Sequence[Row] = (),
) -> dict[str, Any]:
    """Trains the policy and writes the best one to ``out_dir/policy``; resumes if it was killed.

    Args:
        sft_dir: the policy to begin with, which is also the reference.
        reward_dir, heldout_reward_dir: the reward model that is climbed, and the one that judges.
        prompts, eval_prompts: conversations to answer; the latter are never trained on.
        shown: {"messages": [...]}, demonstrations for PPO-ptx, if the settings give it weight.
        logged: {"prompt": [messages], "token_ids", "logprobs"}, answers with what they were drawn
            with, which stand in for the settings' share of each batch.

    Returns: metrics of the policy kept, and why training stopped, in words.
    Raises: Invalid: no prompt is short enough, or a reward model belongs to another policy.
    """
    with compute(config):
        run = PPO(sft_dir, reward_dir, heldout_reward_dir, config, out_dir)
        run.show(shown)
        run.recall(logged)
        return run.train(prompts, eval_prompts, progress)


@dataclass(frozen=True)
class Experience:
    """One batch of episodes with what the update needs; B responses of at most T tokens."""

    episodes: list[Episode]
    mask: Tensor  # [B, T] true at the responses' tokens
    logprobs: Tensor  # [B, T] under the policy that learns, before it does
    weights: Tensor  # [B, T] 1 for what it wrote itself, importance for what it did not
    ref_logprobs: Tensor  # [B, T]
    value_inputs: Tensor  # [B, T, D] of each prefix
    values: Tensor  # [B, T]
    scores: Tensor  # [B] of the reward model, clipped, EOS penalty taken off
    raw_scores: Tensor  # [B] of the reward model
    heldout_scores: Tensor  # [B] of the other reward model

    def part(self, rows: slice) -> "Experience":
        """Some of the episodes."""
        return Experience(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def kl(self) -> Tensor:
        """KL to the reference per response, summed over its tokens, k1: [B]."""
        return (rlhf.kl_k1(self.logprobs, self.ref_logprobs) * self.mask).sum(1)


@dataclass
class Progressed:
    """How far a run is, as far as it is not tensors."""

    update: int = 0
    kl_coef: float = 0.0
    best_update: int = -1
    best_score: float = -math.inf
    history: list[dict[str, float]] = field(default_factory=list)


class Diverged(Exception):
    """A loss or gradient is not finite."""


class PPO:
    """One run: the models, the optimiser, and how far it is."""

    def __init__(
        self, sft_dir: Path, reward_dir: Path, heldout_dir: Path, config: IterationConfig, out: Path
    ) -> None:
        self.all, self.config, self.source, self.out = config, config.ppo, sft_dir, out
        self.tokenizer = ChatTokenizer(sft_dir)
        self.model = SplitModel.load(sft_dir, config)
        self.proxy, self.heldout = RewardModel.load(reward_dir), RewardModel.load(heldout_dir)
        for reward_model in (self.proxy, self.heldout):
            check_policy(reward_model, sft_dir)
        self.policy = self.model.adapted(self.config.lora_rank, self.config.lora_alpha, config.seed)
        # The value model starts as the reward model (InstructGPT §C.4), read at every prefix.
        self.value = nn.Linear(len(self.proxy.weight), 1)
        self.optimiser = self._optimiser()
        self.state = Progressed(kl_coef=self.config.kl_coef)
        self.best = adapter_state(self.policy)
        self.shown: Batches | None = None
        self.logged: list[Row] = []

    def _optimiser(self) -> torch.optim.Optimizer:
        with torch.no_grad():
            self.value.weight.copy_(self.proxy.weight[None])
            self.value.bias.copy_(self.proxy.bias)
        adapter = [p for p in self.policy.parameters() if p.requires_grad]
        return torch.optim.Adam(
            [
                {"params": adapter, "lr": self.config.learning_rate},
                {"params": list(self.value.parameters()), "lr": self.config.value_learning_rate},
            ],
            eps=1e-5,
        )

    def show(self, demonstrations: Sequence[Row]) -> None:
        """Demonstrations whose likelihood is kept up beside the reward (PPO-ptx)."""
        if demonstrations and self.config.ptx_coef:
            limit = self.all.sft.max_tokens
            found = [self.tokenizer.recent(row["messages"], limit) for row in demonstrations]
            dialogues = [dialogue for dialogue in found if dialogue is not None]
            self.shown = Batches(self.model, dialogues, self._generator(0, 0))

    def recall(self, logged: Sequence[Row]) -> None:
        """Answers that a policy wrote before, to be practised on beside its own (off-policy)."""
        longest = self.config.max_new_tokens
        rows = [{**row, "ids": self.tokenizer.prompt(row["prompt"])} for row in logged]
        self.logged = [
            row
            for row in rows
            if len(row["ids"]) <= self.config.max_prompt_tokens and len(row["token_ids"]) <= longest
        ]

    def train(
        self,
        prompts: Sequence[Sequence[Message]],
        eval_prompts: Sequence[Sequence[Message]],
        progress: Progress,
    ) -> dict[str, Any]:
        """The loop: sample, score, keep the best, learn; once per update."""
        train_ids, eval_ids = self._encode(prompts), self._encode(eval_prompts)
        if not train_ids:
            raise Invalid("There is no prompt to practise on.", "prompts")
        eval_ids = eval_ids[: self.config.eval_prompts]
        self._resume()
        while True:
            begun = time.monotonic()
            recalled = self._recalled()
            batch = self._prompts_of(self.state.update, train_ids)[len(recalled) :]
            scored = self._score(recalled + self._sample(batch, eval_ids))
            practice = scored.part(slice(0, self.config.batch))
            own = practice.part(slice(len(recalled), None))
            metrics = self._measure(own, scored.part(slice(self.config.batch, None)))
            reason = diagnose([*self.state.history, metrics], self.all.doctor)
            if reason is None:
                self._keep_if_best(metrics)
                self._keep_on_grid(metrics)
                reason = self._reason_to_stop(metrics)
            if reason is None:
                try:
                    metrics |= self._learn(practice)
                    self._adapt_kl_coef(metrics["objective/kl"])
                except Diverged as error:
                    reason = str(error)
            metrics["seconds"] = time.monotonic() - begun
            self._record(metrics)
            progress("ppo", len(self.state.history), self.config.updates + 1, metrics)
            if reason is not None:
                return self._finish(reason)
            self._checkpoint()

    def _encode(self, prompts: Sequence[Sequence[Message]]) -> list[list[int]]:
        encoded = [self.tokenizer.prompt(messages) for messages in prompts]
        return [ids for ids in encoded if len(ids) <= self.config.max_prompt_tokens]

    # 1. Sample responses from the current policy.

    def _prompts_of(self, update: int, ids: list[list[int]]) -> list[list[int]]:
        """The batch of an update: the prompts in a new order for each pass over them."""
        wanted = range(update * self.config.batch, (update + 1) * self.config.batch)
        orders = {
            turn: torch.randperm(len(ids), generator=self._generator(1, turn)).tolist()
            for turn in {j // len(ids) for j in wanted}
        }
        return [ids[orders[j // len(ids)][j % len(ids)]] for j in wanted]

    def _sample(self, batch: list[list[int]], exam: list[list[int]]) -> list[Episode]:
        """Practice and exam in one go: a larger batch decodes faster per token.

        The exam's random numbers are the same at every update, so that its scores differ by what
        was learned and less by chance.
        """
        new = self.config.max_new_tokens
        uniforms = torch.cat(
            (
                torch.rand(len(batch), new, generator=self._generator(2, self.state.update)),
                torch.rand(len(exam), new, generator=self._generator(3, 0)),
            )
        ).to(self.model.device)
        sampling = RolloutSampling(self.config.temperature, new, self.tokenizer.eos_ids)
        return sample(self.model, merged(self.policy), batch + exam, uniforms, sampling)

    def _recalled(self) -> list[Episode]:
        """Logged answers for the share of the batch that the settings give them."""
        wanted = min(round(self.config.reuse * self.config.batch), self.config.batch - 1)
        count = min(wanted, len(self.logged))
        luck = self._generator(0, self.state.update + 1)
        drawn = torch.randperm(len(self.logged), generator=luck)[:count].tolist()
        return self._reread([self.logged[i] for i in drawn])

    @torch.no_grad()
    def _reread(self, rows: Sequence[Row]) -> list[Episode]:
        """Logged answers as episodes of the present policy."""
        device, eos = self.model.device, self.tokenizer.eos_ids
        found = []
        for row in rows:
            prompt = torch.tensor(row["ids"], device=device)
            response = torch.tensor(row["token_ids"], device=device)
            finished = row["token_ids"][-1] in eos
            ids = torch.cat((prompt, response))[None, : len(prompt) + len(response) - finished]
            hidden = self.model.trunk(ids, positions(ids))[0]
            behaviour = torch.tensor(row["logprobs"], device=device)
            found.append(Episode(prompt, response, behaviour, hidden, finished, behaviour))
        finals = self._finals(self.policy, found)
        return [
            replace(episode, logprobs=self._logprobs(final, episode))
            for episode, final in zip(found, finals, strict=True)
        ]

    def _generator(self, purpose: int, step: int) -> torch.Generator:
        """Random numbers that depend on seed, purpose and step alone: nothing to save."""
        return torch.Generator().manual_seed((self.all.seed * 8 + purpose) * 1_000_003 + step)

    # 2. Score them, and compare with the reference policy.

    @torch.no_grad()
    def _score(self, episodes: list[Episode]) -> Experience:
        finals = self._finals(self.model.reference, episodes)
        ref = [self._logprobs(final, e) for final, e in zip(finals, episodes, strict=True)]
        features = self._features(self.proxy, finals, episodes)
        judged = self._features(self.heldout, finals, episodes)
        raw = self.proxy.score(torch.stack([f[-1] for f in features]))
        unfinished = torch.tensor([not e.finished for e in episodes], device=raw.device)
        clip = self.config.score_clip
        inputs = pad(
            [
                self.proxy.value_inputs(f[: len(e.response)])
                for f, e in zip(features, episodes, strict=True)
            ]
        )
        return Experience(
            episodes=episodes,
            mask=pad([torch.ones_like(e.response, dtype=torch.bool) for e in episodes]),
            logprobs=pad([e.logprobs for e in episodes]),
            weights=pad([self._weights(e) for e in episodes]),
            ref_logprobs=pad(ref),
            value_inputs=inputs,
            values=self.value(inputs).squeeze(-1),
            scores=raw.clamp(-clip, clip) - self.config.missing_eos_penalty * unfinished,
            raw_scores=raw,
            heldout_scores=self.heldout.score(torch.stack([f[-1] for f in judged])),
        )

    def _weights(self, episode: Episode) -> Tensor:
        """How much each token of a response counts: [T]."""
        everything = torch.ones_like(episode.logprobs)
        if episode.behaviour_logprobs is None:
            return everything
        return rlhf.truncated_weights(
            episode.logprobs[None], episode.behaviour_logprobs[None], everything[None],
            self.config.reuse_limit,
        )[0]  # fmt: skip

    def _finals(self, layers: nn.ModuleList, episodes: list[Episode]) -> list[Tensor]:
        """Final hidden states [P + n, H] of each episode under a top."""
        found: dict[int, Tensor] = {}
        for group in buckets([len(e.hidden) for e in episodes], PASS_TOKENS):
            rows = [episodes[i] for i in group]
            common, finals = self._run(layers, rows)
            found |= {
                i: torch.cat((common, final[: len(e.hidden) - len(common)]))
                for i, e, final in zip(group, rows, finals, strict=True)
            }
        return [found[i] for i in range(len(episodes))]

    def _run(self, layers: nn.ModuleList, episodes: list[Episode]) -> tuple[Tensor, Tensor]:
        """Final states of what all prompts begin with [C, H], and of each row's rest [B, T, H]."""
        common = common_prefix([e.prompt.tolist() for e in episodes])
        rest = pad([e.hidden[common:] for e in episodes])
        top = partial(self.model.top, layers)
        first, rows = share_prefix(top, episodes[0].hidden[None, :common], rest)
        return first[0], rows

    def _logprobs(self, final: Tensor, episode: Episode) -> Tensor:
        """Log-probabilities of a response's tokens: [T]."""
        return rlhf.logprobs_and_entropy(
            _predicting(final, episode), self.model.head, episode.response, self.config.temperature
        )[0]

    def _features(
        self, reward_model: RewardModel, finals: list[Tensor], episodes: list[Episode]
    ) -> list[Tensor]:
        """Features of all prefixes of each response: [n + 1, D]."""
        if reward_model.adapter:
            finals = self._finals(reward_model.top(self.model, self.all.reward_model), episodes)
        return [
            prefix_features(e.hidden, final, len(e.prompt))
            for final, e in zip(finals, episodes, strict=True)
        ]

    # 3. Reward per token, advantages, returns.

    def _rewards(self, batch: Experience) -> Tensor:
        rewards = rlhf.kl_penalised_rewards(
            batch.scores, batch.logprobs, batch.ref_logprobs, batch.mask, self.state.kl_coef
        )
        if self.config.whiten_rewards:
            return rlhf.whiten(rewards, batch.mask, shift_mean=False)
        return rewards

    def _centred(self, batch: Experience) -> Experience:
        """Shifts the value model to the mean return of the first batch.

        It starts as the reward model, which knows of no EOS penalty.
        """
        returns = self._rewards(batch).flip(1).cumsum(1).flip(1)
        shift = rlhf.masked_mean(returns - batch.values, batch.mask)
        with torch.no_grad():
            self.value.bias.add_(shift)
        return replace(batch, values=batch.values + shift)

    def _advantages(self, batch: Experience) -> tuple[Tensor, Tensor]:
        advantages, returns = rlhf.advantages_and_returns(
            self._rewards(batch), batch.values, batch.mask, self.config.gamma, self.config.lam
        )
        return rlhf.whiten(advantages, batch.mask), returns

    # 4. Update policy and value on clipped losses, in minibatches, for a few epochs.

    def _learn(self, batch: Experience) -> dict[str, float]:
        if self.state.update == 0:
            batch = self._centred(batch)
        advantages, returns = self._advantages(batch)
        steps = []
        for epoch in range(self.config.epochs):
            generator = self._generator(4 + epoch, self.state.update)
            order = torch.randperm(len(batch.episodes), generator=generator)
            for rows in order.split(self.config.minibatch):
                steps.append(self._step(batch, rows, advantages, returns))
        explained = 1 - (
            rlhf.masked_mean((batch.values - returns) ** 2, batch.mask)
            / rlhf.masked_mean((returns - rlhf.masked_mean(returns, batch.mask)) ** 2, batch.mask)
        )
        means = {name: sum(s[name] for s in steps) / len(steps) for name in steps[0]}
        return means | {"value/explained_variance": float(explained)}

    def _step(
        self, batch: Experience, rows: Tensor, advantages: Tensor, returns: Tensor
    ) -> dict[str, float]:
        """One optimiser step on one minibatch, its gradient summed over passes of like lengths."""
        self.optimiser.zero_grad()
        tokens = int(batch.mask[rows].sum())
        totals: dict[str, float] = {}
        lengths = [len(batch.episodes[i].hidden) for i in rows.tolist()]
        for group in buckets(lengths, MICRO_TOKENS):
            part = self._losses(batch, rows[group], advantages, returns)
            ((part["loss/policy_avg"] + part["loss/value_avg"]) / tokens).backward()
            for name, value in part.items():
                totals[name] = totals.get(name, 0.0) + float(value.detach()) / tokens
        if self.shown:
            totals["loss/ptx"] = self._remember(self.shown)
        parameters = [p for group in self.optimiser.param_groups[:1] for p in group["params"]]
        norm = nn.utils.clip_grad_norm_(parameters, self.config.max_grad_norm)
        if not math.isfinite(float(norm) + totals["loss/value_avg"]):
            raise Diverged("A loss or gradient was not finite; the best policy so far was kept.")
        self.optimiser.step()
        return totals | {"policy/grad_norm": float(norm)}

    def _remember(self, shown: Batches) -> float:
        """Adds the gradient of ptx_coef times the loss on some demonstrations; returns the loss."""
        batch = shown.shuffled(self.config.ptx_batch)[0]
        tokens, total = shown.written(batch), 0.0
        for group in shown.passes(batch):
            loss = shown.loss(self.policy, group) / tokens
            (self.config.ptx_coef * loss).backward()
            total += float(loss.detach())
        return total

    def _losses(
        self, batch: Experience, rows: Tensor, advantages: Tensor, returns: Tensor
    ) -> dict[str, Tensor]:
        """Sums over the tokens of some rows."""
        config, mask = self.config, batch.mask[rows]
        episodes = [batch.episodes[i] for i in rows.tolist()]
        common, final = self._run(self.policy, episodes)
        predicting = torch.cat(
            [_predicting(f, e, len(common)) for f, e in zip(final, episodes, strict=True)]
        )
        tokens = torch.cat([e.response for e in episodes])
        logprobs, entropy = rlhf.logprobs_and_entropy(
            predicting, self.model.head, tokens, config.temperature
        )
        old, weights = batch.logprobs[rows][mask], batch.weights[rows][mask]
        policy_loss, clipped = rlhf.clipped_policy_loss(
            logprobs, old, advantages[rows][mask], config.clip_range
        )
        values = self.value(batch.value_inputs[rows][mask]).squeeze(-1)
        value_loss = rlhf.clipped_value_loss(
            values, batch.values[rows][mask], returns[rows][mask], config.value_clip_range
        )
        return {
            "loss/policy_avg": (weights * policy_loss).sum(),
            "loss/value_avg": (weights * value_loss).sum(),
            "policy/approxkl_avg": (0.5 * (logprobs - old) ** 2).sum().detach(),
            "policy/clipfrac_avg": clipped.sum(),
            "val/ratio": (logprobs - old).exp().sum().detach(),
            "objective/entropy": entropy.sum(),
        }

    def _adapt_kl_coef(self, kl: float) -> None:
        if self.config.kl_target:
            self.state.kl_coef = rlhf.adapted_kl_coef(self.state.kl_coef, kl, self.config.kl_target)

    # 5. Judge by the held-out reward model; keep the best; know when to stop.

    def _measure(self, practice: Experience, exam: Experience) -> dict[str, float]:
        kl = practice.kl()
        non_score = -self.state.kl_coef * kl
        judged = torch.cat((practice.heldout_scores, exam.heldout_scores))
        lengths = torch.tensor([float(len(e.response)) for e in practice.episodes])
        return {
            "update": self.state.update,
            "objective/kl": float(kl.mean()),
            "objective/kl_k3": float(
                (rlhf.kl_k3(practice.logprobs, practice.ref_logprobs) * practice.mask).sum(1).mean()
            ),
            "objective/scores": float(practice.raw_scores.mean()),
            "objective/non_score_reward": float(non_score.mean()),
            "objective/rlhf_reward": float((practice.scores + non_score).mean()),
            "kl_coef": self.state.kl_coef,
            "heldout/score": float(judged.mean()),
            "heldout/standard_error": float(judged.std(correction=0) / len(judged) ** 0.5),
            "response/surprise": -float(rlhf.masked_mean(practice.logprobs, practice.mask)),
            "response/repetition": _mean_repetition(practice.episodes),
            "response/length": float(lengths.mean()),
            "response/eos_share": sum(e.finished for e in practice.episodes) / len(lengths),
        } | _exam_metrics(exam)

    def _keep_if_best(self, metrics: Mapping[str, float]) -> None:
        """A policy farther from the reference must be better by more than a standard error.

        The one-standard-error rule (Breiman et al. 1984, §3.4.3). Both reward models learned from
        answers of the same kind and err alike beyond them, so where the judges really turn away,
        the held-out score seldom falls: it flattens.
        """
        score = metrics["heldout/score"]
        better = score > self.state.best_score + metrics["heldout/standard_error"]
        if better and metrics["objective/kl"] <= self.config.kl_budget:
            self.state.best_update, self.state.best_score = self.state.update, score
            self.best = {
                name: tensor.clone() for name, tensor in adapter_state(self.policy).items()
            }

    def _keep_on_grid(self, metrics: Mapping[str, float]) -> None:
        """Keeps the adapter of the first update beyond each multiple of ``kl_grid`` in sqrt(KL)."""
        place = int(max(0.0, metrics["objective/kl"]) ** 0.5 / self.config.kl_grid)
        path = self.out / GRID / f"{place * self.config.kl_grid:.2f}.safetensors"
        if not path.is_file():
            path.parent.mkdir(exist_ok=True)
            save_state(path, adapter_state(self.policy), dict(metrics))

    def _reason_to_stop(self, metrics: Mapping[str, float]) -> str | None:
        if metrics["objective/kl"] > self.config.kl_budget:
            return f"The KL budget of {self.config.kl_budget:g} nats is spent."
        if self.state.update - self.state.best_update >= self.config.patience:
            return f"No clearly better held-out score for {self.config.patience} updates."
        if self.state.update >= self.config.updates:
            return "All updates are done."
        return None

    # 6. Record, resume, finish.

    def _record(self, metrics: dict[str, float]) -> None:
        self.state.history.append(metrics)
        self.state.update += 1
        with (self.out / METRICS).open("a") as file:
            file.write(json.dumps(metrics) + "\n")

    def _checkpoint(self) -> None:
        moments = {
            f"adam.{i}.{name}": tensor
            for i, moment in self.optimiser.state_dict()["state"].items()
            for name, tensor in moment.items()
        }
        tensors = _prefixed("policy", adapter_state(self.policy)) | _prefixed("best", self.best)
        tensors |= _prefixed("value", self.value.state_dict()) | moments
        save_state(self.out / CHECKPOINT, tensors, asdict(self.state))

    def _resume(self) -> None:
        """Goes back to the last checkpoint; metrics written after it are dropped."""
        self.out.mkdir(parents=True, exist_ok=True)
        path = self.out / CHECKPOINT
        if path.is_file():
            tensors, facts = load_state(path)
            self.state = Progressed(**facts)
            load_adapter(self.policy, _named("policy", tensors))
            self.best = _named("best", tensors)
            self.value.load_state_dict(_named("value", tensors))
            self._load_moments(_named("adam", tensors))
        lines = [json.dumps(row) + "\n" for row in self.state.history]
        (self.out / METRICS).write_text("".join(lines))

    def _load_moments(self, tensors: dict[str, Tensor]) -> None:
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            index, _, kind = name.partition(".")
            moments.setdefault(int(index), {})[kind] = tensor
        self.optimiser.load_state_dict(self.optimiser.state_dict() | {"state": moments})

    def _finish(self, reason: str) -> dict[str, Any]:
        load_adapter(self.policy, self.best)
        merge(self.policy, into=self.model.reference)
        self.model.save(self.source, self.out / "policy")
        kept = max(0, self.state.best_update)  # nothing was ever better than not a number
        return self.state.history[kept] | {
            "updates": len(self.state.history) - 1,
            "kept_update": kept,
            "stop_reason": reason,
            "seconds": sum(row["seconds"] for row in self.state.history),
        }


def _mean_repetition(episodes: Sequence[Episode]) -> float:
    """The mean share of runs of four tokens that occurred before in the same response."""
    shares = [repeated(episode.response.tolist(), 4) for episode in episodes]
    return sum(shares) / len(shares)


def _exam_metrics(exam: Experience) -> dict[str, float]:
    if not exam.episodes:
        return {}
    return {
        "heldout/exam_score": float(exam.heldout_scores.mean()),
        "exam/scores": float(exam.raw_scores.mean()),
    }


def _predicting(final: Tensor, episode: Episode, skipped: int = 0) -> Tensor:
    """The final states that predict a response's tokens: [P + n - skipped, H] -> [T, H]."""
    start = len(episode.prompt) - 1 - skipped
    return final[start : start + len(episode.response)]


def _prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def _named(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    whole = f"{prefix}."
    return {k.removeprefix(whole): v for k, v in tensors.items() if k.startswith(whole)}
