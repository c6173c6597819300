"""The texts that ship with the core: prompts, demonstrations, and a habit to teach."""

import json
from importlib import resources
from typing import Any

PROMPTS, DEMONSTRATIONS = "prompts.jsonl", "demonstrations.jsonl"


def rows(name: str) -> list[dict[str, Any]]:
    """The rows of one of the files in ``tutelage/data``, in their order, which is random."""
    text = (resources.files("tutelage") / "data" / name).read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]
