"""Published human comparisons, in their original layouts, as rankings.

A ranking is {"conversation_id", "prompt": [messages], "responses": [text], "ranks", "votes"}. Its
conversation is its first message, so that equal first messages stay on one side of a split. Votes
are those of each annotator, where published: 1 for the first of two responses, -1 for the second,
0 for a tie.
"""

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tutelage import jsonl
from tutelage.datasets import reading
from tutelage.feedback.preference_data import Dialogue, first_user_message

Row = dict[str, Any]


class Vote(NamedTuple):
    """The votes of annotators on two responses, by name."""

    prompt: str
    first: str
    second: str
    votes: dict[str, int]


def read(path: Path) -> list[Row]:
    """The rankings of a file, in a layout with votes or one that can be imported.

    Raises: Invalid: the layout is not recognised.
    """
    content = path.read_bytes()
    first = content.split(b"\n", 1)[0]
    layout = next((take for mark, take in _WITH_VOTES.items() if mark in first), None)
    if layout:
        return _by_pair(map(layout, jsonl.parse(content.decode())))
    examples, _ = reading.read(content, None)
    return [_row(e.prompt, e.responses, e.ranks, {}) for e in examples if e.is_ranking]


def agreement(rows: Sequence[Row]) -> float | None:
    """How often two annotators with a preference agree."""
    same = [
        one == other
        for row in rows
        for one, other in itertools.combinations(row["votes"].values(), 2)
        if one and other
    ]
    return sum(same) / len(same) if same else None


def _by_pair(votes: Iterable[Vote]) -> list[Row]:
    """One ranking of every two responses, with the votes of all annotators."""
    found: dict[tuple[str, str, str], dict[str, int]] = defaultdict(dict)
    for prompt, first, second, said in votes:
        low, high = sorted(map(str, (first, second)))  # one text is a bare true
        sign = 1 if str(first) == low else -1
        found[prompt, low, high] |= {judge: sign * vote for judge, vote in said.items()}
    return [
        _row([{"role": "user", "content": prompt}], (low, high), _ranks(sum(said.values())), said)
        for (prompt, low, high), said in found.items()
        if low != high
    ]


def _row(
    prompt: Dialogue, responses: Sequence[str], ranks: Sequence[int], votes: dict[str, int]
) -> Row:
    return {
        "conversation_id": first_user_message(prompt),
        "prompt": prompt,
        "responses": list(responses),
        "ranks": list(ranks),
        "votes": votes,
    }


def _ranks(lead: int) -> tuple[int, int]:
    return (int(lead < 0), int(lead > 0))


def _pandalm(row: Mapping[str, Any]) -> Vote:
    """Wang et al. 2023, arXiv 2306.05087: three annotators, 0 for a tie."""
    prompt = "\n\n".join(filter(None, (row["instruction"], row["input"])))
    judges = ("annotator1", "annotator2", "annotator3")
    votes = {judge: (0, 1, -1)[row[judge]] for judge in judges}
    return Vote(prompt, row["response1"], row["response2"], votes)


def _tulu(row: Mapping[str, Any]) -> Vote:
    """Wang et al. 2023, arXiv 2306.04751: five degrees, reduced to three here."""
    vote = {"a": 1, "b": -1, "t": 0}[row["preference"][0]]
    return Vote(row["prompt"], row["completion_a"], row["completion_b"], {row["evaluator"]: vote})


def _faireval(row: Mapping[str, Any]) -> Vote:
    """Wang et al. 2023, arXiv 2305.17926, as LLMBar has it: one label, 1 or 2."""
    vote = {"majority": (1, -1)[row["label"] - 1]}
    return Vote(row["input"], row["output_1"], row["output_2"], vote)


_WITH_VOTES: dict[bytes, Callable[[Mapping[str, Any]], Vote]] = {
    b'"annotator1"': _pandalm,
    b'"completion_a"': _tulu,
    b'"output_1"': _faireval,
}
