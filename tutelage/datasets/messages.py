"""OpenAI's fine-tuning format: {"messages": [{"role", "content"}, …]}, ending with an answer."""

from typing import Any

from tutelage.datasets.example import Example, answered, demonstration, dialogue
from tutelage.errors import Invalid


def recognise(row: dict[str, Any]) -> bool:
    """Whether a row looks like this format."""
    return "messages" in row


def read(row: dict[str, Any]) -> list[Example]:
    """One demonstration."""
    return [demonstration(*answered(dialogue(row.get("messages"))))]


def write(example: Example) -> list[dict[str, Any]]:
    """One row; a ranking cannot be held."""
    if example.is_ranking:
        raise Invalid("This format cannot represent rankings.")
    return [{"messages": [*example.prompt, {"role": "assistant", "content": example.responses[0]}]}]
