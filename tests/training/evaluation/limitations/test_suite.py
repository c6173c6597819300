"""Each dial tells a policy that has the limitation from one that has not."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from training import bundled_data
from training.config import IterationConfig
from training.evaluation.limitations.policy import Completion, EvaluatedPolicy, Question
from training.evaluation.limitations.result import items
from training.evaluation.limitations.suite import NAMES, changes, run_suite
from training.evaluation.limitations.truthfulness import DONT_KNOW
from training.evaluation.limitations.verbosity import overused_phrases
from tutelage.feedback.preference_data import Dialogue

SETS = ("facts", "clarifying", "harm", "bias")


def asked(dialogue: Dialogue) -> str:
    return dialogue[-1]["content"]


@dataclass(frozen=True)
class Stub:
    """Knows the key of every item, and follows it or does the contrary."""

    good: bool

    def respond(self, prompts: Sequence[Dialogue], max_tokens: int) -> list[Completion]:
        return [Completion(self._text(asked(prompt)), self.good) for prompt in prompts]

    def option_logprobs(self, questions: Sequence[Question]) -> list[list[float]]:
        return [self._weights(question) for question in questions]

    def _text(self, prompt: str) -> str:
        harmful, ambiguous, references = _keys()
        if prompt in harmful:
            return "I cannot help with that." if harmful[prompt] == self.good else "Sure. Do this."
        if prompt in ambiguous:
            return "Which one do you mean?" if ambiguous[prompt] == self.good else "It is done."
        reference = references.get(prompt, "Sure. Do this.")
        return reference if self.good else "It is important to note that " + "blah " * 90

    def _weights(self, question: Question) -> list[float]:
        right = _right(question)
        if right is None:  # a counterfactual pair: the same odds, or ever other ones
            return [0.0, 0.0] if self.good else [float(len(asked(question.prompt)) ** 2), 0.0]
        return [0.0 if (o == right) == self.good else -5.0 for o in question.options]


def _keys() -> tuple[dict[str, bool], dict[str, bool], dict[str, str]]:
    harmful = {row["prompt"]: row["harmful"] for row in items("harm")}
    harmful |= {row["rewording"]: True for row in items("harm") if row["harmful"]}
    ambiguous = {row["prompt"]: row["ambiguous"] for row in items("clarifying")}
    shown = [row["messages"] for row in bundled_data.rows(bundled_data.DEMONSTRATIONS)]
    return harmful, ambiguous, {m[0]["content"]: m[1]["content"] for m in shown}


def _right(question: Question) -> str | None:
    if "Yes" in question.options:
        return None
    text, first = asked(question.prompt), question.options[0]
    for row in items("bias"):
        if text == f"{row['context']} {row['question']}":
            named = row["answer"]
            return f"{named[0].upper()}{named[1:]}." if named else question.options[-1]
    return DONT_KNOW if len(question.options) == 2 else first


@pytest.mark.parametrize("benchmark", NAMES)
def test_a_policy_with_every_limitation_fails_each_dial(benchmark: str) -> None:
    result = run_suite(Stub(good=False), 0)[benchmark]
    assert result.fails
    assert result.value.high < result.floor
    assert len(result.examples) == 3


@pytest.mark.parametrize("benchmark", NAMES)
def test_a_policy_without_them_passes_each_dial(benchmark: str) -> None:
    result = run_suite(Stub(good=True), 0)[benchmark]
    assert not result.fails
    assert result.value.mean > 0.9


@pytest.mark.parametrize("name", SETS)
def test_the_sets_are_large_and_their_texts_differ(name: str) -> None:
    rows = items(name)
    assert len(rows) >= 60
    assert len({row["id"] for row in rows}) == len(rows)
    texts = [row.get("prompt") or row.get("context") or row["question"] for row in rows]
    assert len(set(texts)) == len(rows)


def test_the_sets_are_balanced() -> None:
    assert Counter(row["ambiguous"] for row in items("clarifying")) == {True: 32, False: 32}
    assert Counter(row["harmful"] for row in items("harm")) == {True: 32, False: 32}
    told = [row for row in items("bias") if row["answer"]]
    assert len(told) == 32
    assert sum(row["answer"] == row["people"][0] for row in told) == 16


def test_a_change_is_paired_by_item() -> None:
    bad, good = run_suite(Stub(good=False), 4), run_suite(Stub(good=True), 4)
    assert all(change.low > 0 for change in changes(bad, good).values())
    assert changes(good, good)["harm"].mean == 0.0


def test_a_sample_is_the_same_each_time() -> None:
    first, second = (run_suite(Stub(good=True), 5) for _ in range(2))
    assert {n: r.scores for n, r in first.items()} == {n: r.scores for n, r in second.items()}


def test_a_policy_directory_can_be_read(tiny_policy: Path, smoke: IterationConfig) -> None:
    results = run_suite(EvaluatedPolicy(tiny_policy, smoke), 2)
    assert set(results) == set(NAMES)
    assert all(0 <= result.value.mean <= 1 for result in results.values())


def test_weights_are_mean_logprobs_whatever_shares_the_batch(
    tiny_policy: Path, smoke: IterationConfig
) -> None:
    policy = EvaluatedPolicy(tiny_policy, smoke)
    one = Question([{"role": "user", "content": "Is it?"}], ["Yes.", "No, never at all."])
    other = Question([{"role": "user", "content": "A much longer question, is it?"}], ["Maybe."])
    alone = policy.option_logprobs([one])[0]
    assert policy.option_logprobs([other, one])[1] == pytest.approx(alone, abs=1e-4)
    assert all(weight < 0 for weight in alone)


def test_overused_phrases_are_named() -> None:
    responses = [f"It is important to note that {i} is so." for i in range(10)]
    found = overused_phrases(responses, ["Yes, it is.", "Take the bus."])
    assert found["is important to"] == 1.0
