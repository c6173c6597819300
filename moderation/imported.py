"""Moderates an imported data set under the rules for prompts and responses.

Flagged rows are reported. The operator decides whether to keep them, because a harmlessness data
set consists of harmful texts.
"""

from collections.abc import Callable, Sequence

from moderation.classifier import ModerationClassifier
from moderation.rules import Action, ModerationRules, SideRules, judge
from tutelage.datasets.example import Example
from tutelage.datasets.reading import ImportReport

STEP = 32  # examples that are classified together
_TOLD = (Action.WARN, Action.BLOCK)


def _mute(_done: int) -> None:
    """Discard the progress."""


def moderate(
    classifier: ModerationClassifier,
    rules: ModerationRules,
    examples: Sequence[Example],
    report: ImportReport,
    told: Callable[[int], None] = _mute,
) -> None:
    """Add to the report which examples would get a warning or be blocked, by category.

    ``told`` is called after each step with the number of examples read so far.
    """
    report.moderated_by = classifier.version
    for start in range(0, len(examples), STEP):
        step = examples[start : start + STEP]
        for example, categories in zip(step, _flagged(classifier, rules, step), strict=True):
            for category in categories:
                report.flagged[category].append(example)
        told(start + len(step))


def _flagged(
    classifier: ModerationClassifier, rules: ModerationRules, examples: Sequence[Example]
) -> list[set[str]]:
    """The flagged categories of each example."""
    said = [(n, *each) for n, example in enumerate(examples) for each in _said(rules, example)]
    found: list[set[str]] = [set() for _ in examples]
    scores = classifier.classify([text for _, text, _ in said])
    for (n, _, side), each in zip(said, scores, strict=True):
        verdict = judge(each, side)
        found[n] |= {name for name in verdict.flagged if side.rules[name].action in _TOLD}
    return found


def _said(rules: ModerationRules, example: Example) -> list[tuple[str, SideRules]]:
    """Every text with the rules for its author."""
    sides = {"user": rules.prompt, "system": rules.prompt, "assistant": rules.response}
    prompt = [(each["content"], sides[each["role"]]) for each in example.prompt]
    return prompt + [(text, rules.response) for text in example.responses]
