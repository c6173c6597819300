"""The evaluation: candidate and current policy answer the same held-out prompts with the same luck.

Their answers are scored by the held-out reward model, which learned from conversations that
neither training nor PPO saw, and measured for what a reward model overlooks. What comes out is
``evaluation.json``, which the gate decides on, and ``examples.jsonl`` for people to read.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from moderation.actions import Action, ModerationPolicy, judge
from moderation.classifier import ModerationClassifier
from training.config import IterationConfig
from training.gate import Answers, Comparison
from training.interval import bootstrap, wins
from training.models import SplitModel, buckets, compute, pad, positions
from training.preferences import repeated
from training.progress import Progress
from training.rlhf import logprobs_and_entropy
from training.rollout import Episode, Sampling, sample
from training.scoring import RewardModel, prefix_features
from training.tokenization import ChatTokenizer
from tutelage.judgements import Dialogue
from tutelage.policies import write_atomically

Flag = Callable[[str], bool]
STAGE = "evaluation"
RESULT, EXAMPLES = "evaluation.json", "examples.jsonl"
SCORING_TOKENS = 4096  # padded tokens of one scoring pass
_REPEATED_RUN = 4  # words


@dataclass(frozen=True)
class Answer:
    """One answer with all that is measured of it."""

    text: str
    score: float
    finished: bool
    flagged: bool
    kl: float  # nats, the sampler from the reference policy, summed over the answer

    @property
    def words(self) -> list[str]:
        """The answer's words, as spaces part them."""
        return self.text.split()


@dataclass(frozen=True)
class Policies:
    """The directories that an evaluation reads."""

    current: Path
    candidate: Path
    reference: Path  # the SFT policy: makes the reward model's features, and is what KL is from
    reward: Path  # the held-out reward model


def evaluate(
    policies: Policies,
    prompts: Sequence[Dialogue],
    flag: Flag,
    config: IterationConfig,
    out_dir: Path,
    progress: Progress,
) -> dict[str, Any]:
    """Answer, score and compare; ``prompts`` that are too long for PPO are left out.

    Returns: the comparison as plain JSON, also written to ``out_dir``.
    """
    with compute(config):
        questions = _questions(policies.reference, prompts, config)
        answers = {
            name: _answers(directory, policies, questions, flag, config)
            for name, directory in _counted(policies, progress)
        }
    result = asdict(compare(answers["current"], answers["candidate"], config))
    examples = _examples(questions, answers, config.evaluation.samples)
    write_atomically(out_dir / EXAMPLES, "".join(json.dumps(row) + "\n" for row in examples))
    write_atomically(out_dir / RESULT, json.dumps(result, indent=2) + "\n")
    return result


def compare(
    current: Sequence[Answer], candidate: Sequence[Answer], config: IterationConfig
) -> Comparison:
    """What the gate decides on. Both hold ``samples`` answers to each prompt, prompt by prompt."""
    samples, resamples = config.evaluation.samples, config.evaluation.resamples
    gains = [
        _mean([answer.score for answer in candidate[i : i + samples]])
        - _mean([answer.score for answer in current[i : i + samples]])
        for i in range(0, len(current), samples)
    ]
    return Comparison(
        current=describe(current),
        candidate=describe(candidate),
        gain=bootstrap(gains, resamples, config.seed),
        win_rate=bootstrap(wins(gains), resamples, config.seed),
        kl=_mean([answer.kl for answer in candidate]),
    )


def describe(answers: Sequence[Answer]) -> Answers:
    """How the answers look on average."""
    return Answers(
        score=_mean([answer.score for answer in answers]),
        words=_mean([len(answer.words) for answer in answers]),
        empty=_mean([not answer.words for answer in answers]),
        finished=_mean([answer.finished for answer in answers]),
        repetition=_mean([repeated(answer.words, _REPEATED_RUN) for answer in answers]),
        distinct_2=distinct([answer.words for answer in answers], 2),
        flagged=_mean([answer.flagged for answer in answers]),
    )


def distinct(texts: Sequence[list[str]], size: int) -> float:
    """Different runs of ``size`` words over all such runs (Li et al. 2016, distinct-n)."""
    runs = [tuple(words[i : i + size]) for words in texts for i in range(len(words) - size + 1)]
    return len(set(runs)) / len(runs) if runs else 0.0


def flagged_by(classifier: ModerationClassifier | None) -> Flag:
    """Whether a response would be warned about or blocked by the shipped rules."""
    if classifier is None:
        return lambda text: False
    rules = ModerationPolicy().response

    def flag(text: str) -> bool:
        (scores,) = classifier.classify([text])
        return judge(scores, rules).action in (Action.WARN, Action.BLOCK)

    return flag


def choose_prompts(
    held_out: Sequence[Dialogue], spare: Sequence[Dialogue], avoid: Sequence[Dialogue], count: int
) -> list[Dialogue]:
    """Up to ``count`` prompts that nothing was chosen by: held-out ones first, then spare ones.

    Prompts to ``avoid`` (that PPO's stopping point was chosen by) come last of all.
    """
    avoided = {repr(prompt) for prompt in avoid}
    fresh = sorted((p for p in held_out if repr(p) not in avoided), key=_shuffled)
    known = avoided | {repr(prompt) for prompt in fresh}
    return [*fresh, *(p for p in spare if repr(p) not in known), *avoid][:count]


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


def _questions(
    directory: Path, prompts: Sequence[Dialogue], config: IterationConfig
) -> list[_Question]:
    """Each prompt as often as it is to be answered."""
    tokenizer = ChatTokenizer(directory)
    asked = [_Question(prompt, tokenizer.prompt(prompt)) for prompt in prompts]
    short = [question for question in asked if len(question.ids) <= config.ppo.max_prompt_tokens]
    return [question for question in short for _ in range(config.evaluation.samples)]


def _answers(
    directory: Path,
    policies: Policies,
    questions: Sequence[_Question],
    flag: Flag,
    config: IterationConfig,
) -> list[Answer]:
    tokenizer = ChatTokenizer(directory)
    episodes = _sample(directory, tokenizer, questions, config)
    measured = _measure(policies, episodes, config)
    texts = [tokenizer.text(episode.words.tolist()) for episode in episodes]
    return [
        Answer(text, score, episode.finished, flag(text), kl)
        for text, episode, (score, kl) in zip(texts, episodes, measured, strict=True)
    ]


def _sample(
    directory: Path,
    tokenizer: ChatTokenizer,
    questions: Sequence[_Question],
    config: IterationConfig,
) -> list[Episode]:
    """The policy's answers; the random numbers are the same for every policy."""
    model = SplitModel.load(directory, config)
    generator = torch.Generator().manual_seed(config.seed)
    uniforms = torch.rand(len(questions), config.ppo.max_new_tokens, generator=generator)
    sampling = Sampling(config.ppo.temperature, config.ppo.max_new_tokens, tokenizer.eos_ids)
    ids = [question.ids for question in questions]
    return sample(model, model.reference, ids, uniforms.to(model.device), sampling)


@torch.no_grad()
def _measure(
    policies: Policies, episodes: Sequence[Episode], config: IterationConfig
) -> list[tuple[float, float]]:
    """Score and KL of each episode, both by way of the reference policy."""
    model = SplitModel.load(policies.reference, config)
    reward = RewardModel.load(policies.reward)
    layers = reward.top(model, config.reward_model)
    measured = [(0.0, 0.0)] * len(episodes)
    lengths = [len(episode.prompt) + len(episode.words) for episode in episodes]
    for batch in buckets(lengths, SCORING_TOKENS):
        rows = pad([torch.cat((episodes[i].prompt, episodes[i].words)) for i in batch])
        hidden = model.trunk(rows, positions(rows))
        judging = model.top(layers, hidden, positions(rows))
        own = model.top(model.reference, hidden, positions(rows)) if reward.adapter else judging
        for row, i in enumerate(batch):
            score = _score(reward, judging[row, : lengths[i]], episodes[i])
            measured[i] = (score, _kl(model, own[row], episodes[i], config))
    return measured


def _score(reward: RewardModel, final: Tensor, episode: Episode) -> float:
    return float(reward.score(prefix_features(final, len(episode.prompt))[-1]))


def _kl(model: SplitModel, final: Tensor, episode: Episode, config: IterationConfig) -> float:
    """Sum of log p(token) - log p_ref(token) over the response: final [L, H] of the reference."""
    before = len(episode.prompt) - 1
    states = final[before : before + len(episode.response)]
    reference, _ = logprobs_and_entropy(
        states, model.head, episode.response, config.ppo.temperature
    )
    return float((episode.logprobs - reference).sum())


def _examples(
    questions: Sequence[_Question], answers: dict[str, list[Answer]], samples: int
) -> list[dict[str, Any]]:
    """The first answer of each policy to each prompt, side by side."""
    return [
        {"prompt": question.prompt}
        | {name: asdict(answers[name][i]) for name in ("current", "candidate")}
        for i, question in enumerate(questions)
        if i % samples == 0
    ]


def _shuffled(prompt: Dialogue) -> str:
    return hashlib.sha256(repr(prompt).encode("utf-8", "surrogatepass")).hexdigest()


def _mean(values: Sequence[float]) -> float:
    return float(sum(values) / len(values)) if values else 0.0
