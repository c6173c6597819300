"""The evaluation: candidate and current policy respond to the same held-out prompts and seeds.

Their responses are scored by the held-out reward model, which was trained on conversations that
neither SFT nor PPO used, and measured for defects that a reward model misses. The result is
``evaluation.json``, which the gate decides on, and ``examples.jsonl`` for the report.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Self

import torch
from pydantic import TypeAdapter
from torch import Tensor, nn

from moderation.classifier import ModerationClassifier
from moderation.rules import Action, ModerationRules, judge
from training import bundled_data, parallel
from training.compute import compute
from training.config import IterationConfig
from training.evaluation.limitations.policy import EvaluatedPolicy, Question
from training.evaluation.limitations.result import BenchmarkResult
from training.evaluation.limitations.suite import as_json, changes, run_suite
from training.evaluation.metrics import (
    AlignmentTax,
    Comparison,
    EvaluatedResponse,
    HarmRates,
    compare,
)
from training.model.batching import buckets, pad, positions
from training.model.load import load_model
from training.model.split_model import SplitModel
from training.model.tokenizer import ChatTokenizer
from training.ppo.rollout import Episode, RolloutSampling, sample
from training.progress import Progress
from training.reward.doubt import Doubt
from training.reward.features import prefix_features
from training.reward.model import RewardModel
from training.rlhf import logprobs_and_entropy
from tutelage import atomic, jsonl
from tutelage.feedback import reports
from tutelage.feedback.preference_data import Dialogue, first_user_message
from tutelage.iteration_folder import EXAMPLES, RESULT

Flag = Callable[[str], bool]
STAGE = "evaluation"
SCORING_TOKENS = 4096  # padded tokens of one scoring pass
_COMPARISON = TypeAdapter(Comparison)
_Measured = tuple[float, float, tuple[float, ...]]  # score, KL, drawn scores


@dataclass(frozen=True)
class Policies:
    """The directories that an evaluation reads."""

    current: Path
    candidate: Path
    reference: Path  # the SFT policy: makes the reward model's features, and is what KL is from
    reward: Path  # the held-out reward model


@dataclass(frozen=True)
class EvaluationResult:
    """What the gate decides on, and both policies' limitations."""

    comparison: Comparison
    benchmarks: dict[str, dict[str, Any]]  # by "current" and "candidate": ``suite.as_json``

    def as_json(self) -> dict[str, Any]:
        """The comparison's fields, and the benchmarks under their stored name, "readings"."""
        compared: dict[str, Any] = _COMPARISON.dump_python(self.comparison, by_alias=True)
        return compared | {"readings": self.benchmarks}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """The result that ``as_json`` was made of."""
        rest = {name: value for name, value in values.items() if name != "readings"}
        return cls(_COMPARISON.validate_python(rest), values["readings"])


@parallel.together
def evaluate(
    policies: Policies,
    prompts: Sequence[Dialogue],
    flag: Flag,
    config: IterationConfig,
    out_dir: Path,
    progress: Progress,
    cases: Sequence[dict[str, Any]] = (),
) -> EvaluationResult:
    """Sample, score and compare; ``prompts`` that are too long for PPO are left out.

    All prompts are for moderation; the first ``config.evaluation.prompts`` for the rest, too.
    ``cases`` are those of accepted reports, which the candidate must not fail.
    The result is also written to ``out_dir``.
    """
    config = replace(config, precision="fp32")  # the precision that is served
    count, samples = config.evaluation.prompts, config.evaluation.samples
    with compute(config):
        asked = _questions(policies.reference, prompts, config)
        questions = [question for question in asked[:count] for _ in range(samples)]
        responses, measured, flagged = {}, {}, {}
        for name, directory in _counted(policies, progress):
            responses[name] = _respond(directory, policies, questions, flag, config)
            measured[name] = side_metrics(directory, config)
            flagged[name] = [response.flagged for response in responses[name][::samples]]
            flagged[name] += _flags(directory, asked[count:], flag, config)
        failed = _failed(policies.candidate, cases, config) if cases else None
    comparison = replace(
        _compared(responses, measured, asked[:count], policies, config),
        failed_cases=failed,
        harm=_harm(flagged, asked),
    )
    result = EvaluationResult(
        comparison, {name: as_json(found.results) for name, found in measured.items()}
    )
    examples = _examples(questions, responses, config.evaluation.samples)
    jsonl.write(out_dir / EXAMPLES, examples)
    atomic.write_text(out_dir / RESULT, json.dumps(result.as_json(), indent=2) + "\n")
    return result


@dataclass(frozen=True)
class SideMetrics:
    """What is measured of one policy besides its responses to the evaluation prompts."""

    parameters: int
    losses: list[float]  # of unseen demonstrations, nats per token
    results: dict[str, BenchmarkResult]  # of the limitations


def side_metrics(directory: Path, config: IterationConfig) -> SideMetrics:
    """Its size, its loss on reserved demonstrations, and a sample of the benchmark suite."""
    policy = EvaluatedPolicy(directory, config)
    shown = [row["messages"][:2] for row in bundled_data.reserved_demonstrations()]
    asked = [Question(pair[:1], [pair[1]["content"]]) for pair in shown]
    count = config.evaluation.battery
    return SideMetrics(
        parameters=sum(p.numel() for p in policy.model.model.parameters()),
        losses=[-weight for (weight,) in policy.option_logprobs(asked)],
        results=run_suite(policy, count) if count else {},
    )


def _failed(directory: Path, cases: Sequence[dict[str, Any]], config: IterationConfig) -> list[str]:
    """The ids of the reports whose bad response this policy repeats."""
    policy = EvaluatedPolicy(directory, config)
    completions = policy.respond([case["prompt"] for case in cases], config.ppo.max_new_tokens)
    return [c["id"] for c, s in zip(cases, completions, strict=True) if reports.fails(c, s.text)]


def _compared(
    responses: dict[str, list[EvaluatedResponse]],
    measured: dict[str, SideMetrics],
    asked: Sequence["_Question"],
    policies: Policies,
    config: IterationConfig,
) -> Comparison:
    before, after = measured["current"], measured["candidate"]
    comparison = compare(
        responses["current"], responses["candidate"], config,
        after.parameters / before.parameters, [question.conversation for question in asked],
    )  # fmt: skip
    return replace(
        comparison,
        tax=AlignmentTax.of(before.losses, after.losses, config),
        limitations=changes(before.results, after.results),
        preferred=_preferred(responses, RewardModel.load(policies.reward).facts["logit_scale"]),
    )


def _preferred(responses: dict[str, list[EvaluatedResponse]], scale: float) -> float:
    """The mean probability that a person prefers the candidate's response (Bradley-Terry).

    ``scale`` times a difference of scores is its log-odds as fitted to people's judgements, whose
    errors are thereby included.
    """
    pairs = zip(responses["current"], responses["candidate"], strict=True)
    odds = torch.tensor([scale * (after.score - before.score) for before, after in pairs])
    return float(torch.sigmoid(odds).mean())


def _flags(
    directory: Path, questions: Sequence["_Question"], flag: Flag, config: IterationConfig
) -> list[bool]:
    """Whether moderation flags one response to each of further prompts."""
    if not questions:
        return []
    tokenizer = ChatTokenizer(directory)
    episodes = sample_policy(directory, tokenizer, [q.ids for q in questions], config)
    return [flag(tokenizer.text(episode.words.tolist())) for episode in episodes]


def _harm(flagged: dict[str, list[bool]], asked: Sequence["_Question"]) -> HarmRates:
    """Counts over conversations: one counts as flagged where any of its responses is."""
    counts = {
        name: len({q.conversation for q, bad in zip(asked, flags, strict=True) if bad})
        for name, flags in flagged.items()
    }
    responses = len({question.conversation for question in asked})
    return HarmRates(counts["current"], counts["candidate"], responses)


def flagged_by(classifier: ModerationClassifier | None) -> Flag:
    """Whether the default rules would warn about or block a response."""
    if classifier is None:
        return lambda text: False
    rules = ModerationRules().response

    def flag(text: str) -> bool:
        (scores,) = classifier.classify([text])
        return judge(scores, rules).action in (Action.WARN, Action.BLOCK)

    return flag


def choose_prompts(
    held_out: Sequence[Dialogue], spare: Sequence[Dialogue], avoid: Sequence[Dialogue], count: int
) -> list[Dialogue]:
    """Up to ``count`` prompts not used before: held-out ones first, then spare ones.

    Prompts to ``avoid`` (which selected PPO's best update, or which the held-out reward model was
    fitted to) come last.
    """
    avoided = {repr(prompt): prompt for prompt in avoid}
    fresh = sorted((p for p in held_out if repr(p) not in avoided), key=_shuffled)
    known = avoided.keys() | {repr(prompt) for prompt in fresh}
    spared = (p for p in spare if repr(p) not in known)
    return [*fresh, *spared, *avoided.values()][:count]


def _counted(policies: Policies, progress: Progress) -> Any:
    both = (("current", policies.current), ("candidate", policies.candidate))
    for done, (name, directory) in enumerate(both):
        progress(STAGE, done, len(both), {})
        yield name, directory
    progress(STAGE, len(both), len(both), {})


@dataclass(frozen=True)
class _Question:
    prompt: Dialogue
    ids: list[int]

    @property
    def conversation(self) -> str:
        """What turns of one conversation share: how it begins."""
        return first_user_message(self.prompt)


def _questions(
    directory: Path, prompts: Sequence[Dialogue], config: IterationConfig
) -> list[_Question]:
    """The prompts that are not too long, encoded."""
    tokenizer = ChatTokenizer(directory)
    asked = [_Question(prompt, tokenizer.prompt(prompt)) for prompt in prompts]
    return [question for question in asked if len(question.ids) <= config.ppo.max_prompt_tokens]


def _respond(
    directory: Path,
    policies: Policies,
    questions: Sequence[_Question],
    flag: Flag,
    config: IterationConfig,
) -> list[EvaluatedResponse]:
    tokenizer = ChatTokenizer(directory)
    ids = [question.ids for question in questions]
    episodes = sample_policy(directory, tokenizer, ids, config)
    measured = _measure(policies, episodes, config)
    texts = [tokenizer.text(episode.words.tolist()) for episode in episodes]
    return [
        EvaluatedResponse(
            text, score, episode.finished, flag(text), kl, len(episode.response), draws
        )
        for text, episode, (score, kl, draws) in zip(texts, episodes, measured, strict=True)
    ]


def sample_policy(
    directory: Path, tokenizer: ChatTokenizer, prompts: list[list[int]], config: IterationConfig
) -> list[Episode]:
    """The policy's responses to encoded prompts; the random numbers are those of every policy."""
    model = load_model(directory, config)
    return sample_layers(model, model.reference, tokenizer, prompts, config)


def sample_layers(
    model: SplitModel,
    layers: nn.ModuleList,
    tokenizer: ChatTokenizer,
    prompts: list[list[int]],
    config: IterationConfig,
) -> list[Episode]:
    """The responses of another top on the model's trunk, with the same random numbers."""
    generator = torch.Generator().manual_seed(config.seed)
    random_uniforms = torch.rand(len(prompts), config.ppo.max_new_tokens, generator=generator)
    sampling = RolloutSampling(config.ppo.temperature, config.ppo.max_new_tokens, tokenizer.eos_ids)
    return sample(model, layers, prompts, random_uniforms.to(model.device), sampling)


@torch.no_grad()
def _measure(
    policies: Policies, episodes: Sequence[Episode], config: IterationConfig
) -> list[_Measured]:
    """Score, KL and drawn scores of each episode, all by way of the reference policy."""
    model = load_model(policies.reference, config)
    reward = RewardModel.load(policies.reward).to(model.device)
    doubt = Doubt.load(policies.reward).to(model.device)
    return parallel.shared(episodes, partial(_measured, model, reward, doubt, config), _tokens)


def _measured(
    model: SplitModel,
    reward: RewardModel,
    doubt: Doubt,
    config: IterationConfig,
    episodes: Sequence[Episode],
) -> list[_Measured]:
    layers = reward.top(model, config.reward_model)
    measured: list[_Measured] = [(0.0, 0.0, ())] * len(episodes)
    lengths = list(map(_tokens, episodes))
    for batch in buckets(lengths, SCORING_TOKENS):
        rows = pad([torch.cat((episodes[i].prompt, episodes[i].words)) for i in batch])
        hidden = model.trunk(rows, positions(rows))
        judging = model.top(layers, hidden, positions(rows))
        own = model.top(model.reference, hidden, positions(rows)) if reward.adapter else judging
        for row, i in enumerate(batch):
            split, final = hidden[row, : lengths[i]], judging[row, : lengths[i]]
            features = prefix_features(split, final, len(episodes[i].prompt), episodes[i].finished)[
                -1
            ]
            measured[i] = (
                float(reward.score(features)),
                _kl(model, own[row], episodes[i], config),
                tuple(doubt.scores(reward, features).tolist()),
            )
    return measured


def _tokens(episode: Episode) -> int:
    return len(episode.prompt) + len(episode.words)


def _kl(model: SplitModel, final: Tensor, episode: Episode, config: IterationConfig) -> float:
    """Sum of log p(token) - log p_ref(token) over the response: final [L, H] of the reference."""
    before = len(episode.prompt) - 1
    states = final[before : before + len(episode.response)]
    reference, _ = logprobs_and_entropy(
        states, model.head, episode.response, config.ppo.temperature
    )
    return float((episode.logprobs - reference).sum())


def _examples(
    questions: Sequence[_Question], responses: dict[str, list[EvaluatedResponse]], samples: int
) -> list[dict[str, Any]]:
    """The first response of each policy to each prompt, side by side."""
    return [
        {"prompt": question.prompt}
        | {name: _without_draws(responses[name][i]) for name in ("current", "candidate")}
        for i, question in enumerate(questions)
        if i % samples == 0
    ]


def _without_draws(response: EvaluatedResponse) -> dict[str, Any]:
    return {name: value for name, value in asdict(response).items() if name != "draws"}


def _shuffled(prompt: Dialogue) -> str:
    return hashlib.sha256(repr(prompt).encode("utf-8", "surrogatepass")).hexdigest()
