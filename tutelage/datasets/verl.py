"""verl's prompts for reinforcement learning: {"data_source", "prompt", "reward_model", …}.

Only exported: a row holds a judged prompt and, as its ground truth, the best response to it.
"""

from typing import Any

from tutelage.datasets.example import Example
from tutelage.errors import Invalid

SOURCE = "tutelage"  # by which verl chooses a reward function


def recognise(row: dict[str, Any]) -> bool:
    """Whether a row looks like this format."""
    return "data_source" in row and "prompt" in row


def read(_row: dict[str, Any]) -> list[Example]:
    """Raises Invalid: a ground truth may be anything that a reward function understands."""
    raise Invalid("This format is only exported.")


def write(example: Example) -> list[dict[str, Any]]:
    """A row for the prompt."""
    best = min(zip(example.ranks, example.responses, strict=True))[1]
    return [
        {
            "data_source": SOURCE,
            "prompt": example.prompt,
            "ability": "chat",
            "reward_model": {"style": "model", "ground_truth": best},
            "extra_info": {"split": "train"},
        }
    ]
