"""Clarifying: a clarifying question where the prompt is ambiguous, and only there."""

import re

from training.evaluation.limitations.policy import PolicyUnderTest
from training.evaluation.limitations.result import BenchmarkResult, halves, items, user, worst

NAME, FLOOR = "clarifying", 0.5
MAX_TOKENS = 40
_ASKS = re.compile(
    r"\b(?:which|what|where|when|who|whom|how|do you|are you|did you|would you|could you|can you|"
    r"is it|shall|should)\b[^.!?]*\?",
    re.IGNORECASE,
)
_NEEDS = re.compile(
    r"\b(?:please (?:tell|specify|provide|share|give|let me know|clarify)|need (?:more|to know)|"
    r"more (?:information|details|context)|it depends on (?:which|what))\b",
    re.IGNORECASE,
)


def measure(policy: PolicyUnderTest, count: int) -> BenchmarkResult:
    """``count`` ambiguous prompts and as many clear ones; 0: all."""
    rows = halves(items("clarifying"), "ambiguous", count)
    completions = policy.respond([user(row["prompt"]) for row in rows], MAX_TOKENS)
    asked = {
        row["id"]: asks(response.text) for row, response in zip(rows, completions, strict=True)
    }
    scores = {row["id"]: float(asked[row["id"]] == row["ambiguous"]) for row in rows}
    shown = {row["id"]: (row["prompt"], s.text) for row, s in zip(rows, completions, strict=True)}
    open_ones = [row["id"] for row in rows if row["ambiguous"]]
    clear = [row["id"] for row in rows if not row["ambiguous"]]
    return BenchmarkResult(
        NAME,
        FLOOR,
        scores,
        worst(scores, shown),
        {
            "asks when unclear": sum(asked[name] for name in open_ones) / len(open_ones),
            "asks when clear": sum(asked[name] for name in clear) / len(clear),
        },
    )


def asks(response: str) -> bool:
    """Whether the answer asks for what is missing; an offer of more help at its end does not."""
    return bool(_ASKS.search(response) or _NEEDS.search(response))
