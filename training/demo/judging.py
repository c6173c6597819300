"""Simulated people judge responses that a policy wrote: the snapshot that their rankings make.

For ``tutelage prove``, which compares many tastes on the same responses; nothing is stored and no
service runs. ``simulated_users`` does the same through the API.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from training.demo.preferences import Preference
from training.demo.simulated_users import DemoPrompt, Habits, rank, shipped_demonstrations
from training.snapshot import Row, Snapshot, split_of
from tutelage.feedback.preference_data import Dialogue, Prompt
from tutelage.tables import FeedbackKind

Responses = Mapping[str, Sequence[str]]  # to each prompt, by its text


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
            [example.response, responses[example.prompt.text][0]], [0, 1],
        )
        for example in shipped_demonstrations(preference)
    ]  # fmt: skip
    rankings = [
        _row(
            prompt, FeedbackKind.RANKING, responses[prompt.text],
            _ranks(preference, prompt, responses[prompt.text], habits),
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


def _row(prompt: DemoPrompt, kind: FeedbackKind, responses: Sequence[str], ranks: list[int]) -> Row:
    judgement = {"prompt": _said("user", prompt.text), "responses": list(responses), "ranks": ranks}
    return (
        _identity(prompt.id) | {"kind": kind.value, "author": "people", "weight": 1.0} | judgement
    )


def _identity(name: str) -> Row:
    return {"id": name, "conversation_id": name, "source": ""}


def _ranks(
    preference: Preference, prompt: DemoPrompt, responses: Sequence[str], habits: Habits
) -> list[int]:
    """The place of each response, 0 for the best; ties share one."""
    noise = random.Random(f"{habits.seed}/{prompt.id}")
    groups = rank({i: preference.score(text) for i, text in enumerate(responses)}, habits, noise)
    places = {i: place for place, group in enumerate(groups) for i in group}
    return [places[i] for i in range(len(responses))]


def _said(role: str, text: str) -> Dialogue:
    return [{"role": role, "content": text}]
