"""The texts bundled with the core: prompts, demonstrations, and a habit to teach."""

from importlib import resources
from typing import Any

from tutelage import jsonl

RESERVED = 32  # the last demonstrations: never trained on, they measure the alignment tax
PROMPTS, DEMONSTRATIONS = "prompts.jsonl", "demonstrations.jsonl"


def rows(name: str) -> list[dict[str, Any]]:
    """The rows of one of the files in ``tutelage/data``, in their order, which is random."""
    text = (resources.files("tutelage") / "data" / name).read_text("utf-8")
    return jsonl.parse(text)


def replayable_demonstrations() -> list[dict[str, Any]]:
    """The demonstrations that fine-tuning may replay."""
    return rows(DEMONSTRATIONS)[:-RESERVED]


def reserved_demonstrations() -> list[dict[str, Any]]:
    """The demonstrations that no policy is ever trained on."""
    return rows(DEMONSTRATIONS)[-RESERVED:]
