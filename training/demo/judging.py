"""Simulated people judge responses that a policy wrote: the snapshot that their rankings make.

For ``tutelage prove``, which compares many tastes on the same responses; nothing is stored and no
service runs. ``simulated_users`` does the same through the API.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import NamedTuple

from training.demo.preferences import Preference
from training.demo.simulated_users import DemoPrompt, Habits, rank, shipped_demonstrations
from training.snapshot import Row, Snapshot, split_of
from tutelage.feedback.preference_data import Dialogue, Prompt
from tutelage.tables import FeedbackKind


class Written(NamedTuple):
    """A response of a policy."""

    text: str
    finished: bool  # False: it was cut at the token limit


Responses = Mapping[str, Sequence[Written]]  # to each prompt, by its text


def judged(
    preference: Preference, prompts: Sequence[DemoPrompt], responses: Responses, habits: Habits,
    held_out: float,
) -> Snapshot:  # fmt: skip
    """A ranking of the responses to each prompt, and the edits that people of this taste make.

    Args: held_out: the share of prompts that are not trained on.
    """
    edits = [
        _row(
            example.prompt, FeedbackKind.EDIT,
            [Written(example.response, True), responses[example.prompt.text][0]], [0, 1],
        )
        for example in shipped_demonstrations(preference)
    ]  # fmt: skip
    rankings = [
        _row(
            prompt, FeedbackKind.RANKING, responses[prompt.text],
            _ranks(preference, prompt, responses[prompt.text], habits), habits,
        )
        for prompt in prompts
    ]  # fmt: skip
    found = Snapshot(
        rankings=rankings + edits,
        thumbs=[],
        demonstrations=[
            _identity(row["id"])
            | {"kind": "edit", "messages": row["prompt"] + _said("assistant", row["responses"][0])}
            for row in edits
        ],
        prompts=[asdict(Prompt(p.id, p.id, _said("user", p.text))) for p in prompts],
    )
    texts = {p.id: p.text for p in prompts} | {
        row["id"]: row["prompt"][0]["content"] for row in edits
    }
    return Snapshot(
        **{
            name: [row | {"split": split_of(texts[row["id"]], held_out)} for row in rows]
            for name, rows in vars(found).items()
        }
    )


def _row(
    prompt: DemoPrompt, kind: FeedbackKind, responses: Sequence[Written], ranks: list[int],
    habits: Habits | None = None,
) -> Row:  # fmt: skip
    """A row of the snapshot's rankings; ``habits``: how its responses were asked for."""
    sampling = habits and {
        "temperature": habits.temperature, "top_p": 1.0, "max_tokens": habits.max_tokens,
    }  # fmt: skip
    return _identity(prompt.id) | {
        "kind": kind.value,
        "author": "people",
        "weight": 1.0,
        "prompt": _said("user", prompt.text),
        "responses": [response.text for response in responses],
        "finished": [response.finished for response in responses],
        "sampling": [sampling for _ in responses],
        "ranks": ranks,
    }


def _identity(name: str) -> Row:
    return {"id": name, "conversation_id": name, "source": ""}


def _ranks(
    preference: Preference, prompt: DemoPrompt, responses: Sequence[Written], habits: Habits
) -> list[int]:
    """The place of each response, 0 for the best; ties share one."""
    noise = random.Random(f"{habits.seed}/{prompt.id}")
    scores = {i: preference.score(response.text) for i, response in enumerate(responses)}
    groups = rank(scores, habits, noise)
    places = {i: place for place, group in enumerate(groups) for i in group}
    return [places[i] for i in range(len(responses))]


def _said(role: str, text: str) -> Dialogue:
    return [{"role": role, "content": text}]
