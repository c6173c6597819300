"""UltraFeedback (Cui et al. 2023): an instruction and completions with scores.

{"instruction", "completions": [{"response", "overall_score" or "annotations": {aspect:
{"Rating"}}}]}. Without an overall score the mean of the aspects' ratings counts.
"""

from statistics import mean
from typing import Any

from tutelage.datasets.example import Example, ranking, turn
from tutelage.errors import Invalid


def recognise(row: dict[str, Any]) -> bool:
    """Whether a row looks like this format."""
    return "instruction" in row and isinstance(row.get("completions"), list)


def read(row: dict[str, Any]) -> list[Example]:
    """One ranking."""
    completions = row.get("completions")
    if not isinstance(completions, list) or not all(isinstance(c, dict) for c in completions):
        raise Invalid("completions is not a list of objects.")
    prompt = [turn("user", row.get("instruction"))]
    texts = [turn("assistant", each.get("response"))["content"] for each in completions]
    return [ranking(prompt, texts, [_score(each) for each in completions])]


def write(example: Example) -> list[dict[str, Any]]:
    """One row; the best answer has the highest score, equals have the same."""
    if not example.is_ranking:
        raise Invalid("This format cannot represent demonstrations.")
    if len(example.prompt) > 1:
        raise Invalid("This format cannot represent prompts of several messages.")
    completions = [
        {"response": text, "overall_score": float(max(example.ranks) - rank)}
        for text, rank in zip(example.responses, example.ranks, strict=True)
    ]
    return [{"instruction": example.prompt[0]["content"], "completions": completions}]


def _score(completion: dict[str, Any]) -> float:
    try:
        if completion.get("overall_score") is not None:
            return float(completion["overall_score"])
        aspects = completion["annotations"].values()
        return mean(float(each["Rating"]) for each in aspects)
    except (AttributeError, KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise Invalid("A completion has no score.") from error
