"""Brevity: responses not longer than a human reference, without over-used phrases.

An item scores 1 up to ``ROOM`` times the length of the human reference, less the longer it is, and
half when it contains an over-used phrase: a run of three words in a fifth of the responses or more,
and ``EXCESS`` times as often as in the references.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from training import bundled_data
from training.evaluation.limitations.policy import Completion, PolicyUnderTest
from training.evaluation.limitations.result import BenchmarkResult, some, user, worst

NAME, FLOOR = "brevity", 0.5
MAX_TOKENS = 96
ROOM, SPACE = 1.5, 12  # times the reference's words, and words that any answer may have
RUN, COMMON, EXCESS = 3, 0.2, 4.0
MINIMUM = 3  # answers that a phrase must be in


def measure(policy: PolicyUnderTest, count: int) -> BenchmarkResult:
    """``count`` prompts that people also answered; 0: all."""
    rows = some(_references(), count)
    completions = policy.respond([user(row["prompt"]) for row in rows], MAX_TOKENS)
    overused = overused_phrases([s.text for s in completions], [row["reference"] for row in rows])
    scores = {
        row["id"]: _score(response, row["reference"], overused)
        for row, response in zip(rows, completions, strict=True)
    }
    shown = {row["id"]: (row["prompt"], s.text) for row, s in zip(rows, completions, strict=True)}
    words = [len(s.text.split()) for s in completions]
    return BenchmarkResult(
        NAME,
        FLOOR,
        scores,
        worst(scores, shown),
        {
            "words": sum(words) / len(words),
            "words of people": sum(len(r["reference"].split()) for r in rows) / len(rows),
            "cut off": sum(not s.finished for s in completions) / len(completions),
            "over-used phrases": overused,
        },
    )


def overused_phrases(responses: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    """Runs of words in far more answers than references, with the share of answers."""
    seen, usual = _documents(responses), _documents(references)
    needed = max(MINIMUM, COMMON * len(responses))
    found = {
        " ".join(run): count / len(responses)
        for run, count in seen.items()
        if count >= needed
        and count / len(responses) >= EXCESS * (usual[run] + 0.5) / (len(references) + 1)
    }
    return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))[:10])


def _references() -> list[dict[str, Any]]:
    pairs = ((row["id"], row["messages"]) for row in bundled_data.rows(bundled_data.DEMONSTRATIONS))
    return [{"id": i, "prompt": m[0]["content"], "reference": m[1]["content"]} for i, m in pairs]


def _score(response: Completion, reference: str, overused: Iterable[str]) -> float:
    words = len(response.text.split())
    if not words:
        return 0.0
    allowed = ROOM * len(reference.split()) + SPACE
    score = 1.0 if response.finished and words <= allowed else min(1.0, allowed / (2 * words))
    text = " ".join(_words(response.text))
    return score / 2 if any(phrase in text for phrase in overused) else score


def _documents(texts: Sequence[str]) -> Counter[tuple[str, ...]]:
    """In how many texts each run of words is."""
    return Counter(run for text in texts for run in set(_runs(_words(text))))


def _runs(words: Sequence[str]) -> Iterable[tuple[str, ...]]:
    return zip(*(words[i:] for i in range(RUN)), strict=False)


def _words(text: str) -> list[str]:
    return [word.strip(".,;:!?\"'()*").lower() for word in text.split()]
