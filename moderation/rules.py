"""Rules: a threshold and an action per category, for prompts and responses, and the verdict."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator

from moderation.categories import CATEGORIES
from moderation.classifier import ModerationClassifier

_log = logging.getLogger(__name__)
_THRESHOLDS = Path(__file__).parent / "heads" / "thresholds.json"


class Action(StrEnum):
    """What happens to a text whose score reaches a category's threshold; mildest first."""

    OFF = "off"
    LOG = "log"
    WARN = "warn"
    BLOCK = "block"

    @property
    def severity(self) -> int:
        return list(Action).index(self)


class Rule(BaseModel):
    """One category's threshold (0 to 1, inclusive) and the action on reaching it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    threshold: float = Field(ge=0.0, le=1.0)
    action: Action


class SideRules(BaseModel):
    """The rules of one side of the conversation, one for each of the 13 categories."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rules: dict[str, Rule]

    @field_validator("rules")
    @classmethod
    def _every_category(cls, rules: dict[str, Rule]) -> dict[str, Rule]:
        unknown = sorted(set(rules) - set(CATEGORIES))
        missing = sorted(set(CATEGORIES) - set(rules))
        if unknown or missing:
            raise ValueError(f"unknown categories: {unknown}; categories without rule: {missing}")
        return {category: rules[category] for category in CATEGORIES}

    @property
    def blocks(self) -> bool:
        """Whether any category can block, so that text has to be checked before it is shown."""
        return any(rule.action is Action.BLOCK for rule in self.rules.values())

    @property
    def watches(self) -> bool:
        """Whether any category does anything, so that text has to be classified at all."""
        return any(rule.action is not Action.OFF for rule in self.rules.values())

    @property
    def thresholds(self) -> dict[str, float]:
        return {category: rule.threshold for category, rule in self.rules.items()}

    def with_changes(self, changes: Mapping[str, "Action | str | Mapping[str, object]"]) -> Self:
        """These rules, except for the categories in `changes`.

        A change is an action alone ("block"), which takes the shipped threshold for that action, or
        {"action": …, "threshold": …} with either left out to keep it. Raises ValueError (pydantic's
        ValidationError is one) for an unknown category or action or a threshold outside 0 to 1.
        """
        rules = {category: rule.model_dump() for category, rule in self.rules.items()}
        for category, change in changes.items():
            if category not in rules:
                raise ValueError(f"unknown category {category!r}: use one of {list(CATEGORIES)}")
            rules[category] |= _as_rule(category, change)
        return type(self).model_validate({"rules": rules})


class ModerationRules(BaseModel):
    """The rules for prompts and for responses; by default those that ship."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: SideRules = Field(default_factory=lambda: _shipped(_PROMPT_ACTIONS))
    response: SideRules = Field(default_factory=lambda: _shipped(_RESPONSE_ACTIONS))

    @classmethod
    def from_settings(cls, changes: str = "") -> Self:
        """The shipped rules, changed by JSON such as

            {"prompt": {"hate": "block"}, "response": {"sexual": {"action": "warn"}}}

        "" changes nothing. Raises ValueError that names the wrong part.
        """
        sides = _read_sides(changes)
        if unknown := sorted(set(sides) - {"prompt", "response"}):
            raise ValueError(f"unknown sides {unknown}: use 'prompt' and 'response'")
        shipped = cls()
        return cls(
            prompt=shipped.prompt.with_changes(sides.get("prompt", {})),
            response=shipped.response.with_changes(sides.get("response", {})),
        )


@dataclass(frozen=True)
class Verdict:
    """The decision on one text. `failed`: the classifier raised, so there are no scores."""

    action: Action
    flagged: tuple[str, ...]  # categories that reached their threshold, most severe action first
    scores: dict[str, float]  # all 13, or empty when failed
    thresholds: dict[str, float]
    classifier_version: str = ""
    span: tuple[int, int] | None = None  # characters [start, end) of the text that were scored
    failed: bool = False


def judge(
    scores: Mapping[str, float],
    side: SideRules,
    classifier_version: str = "",
    span: tuple[int, int] | None = None,
) -> Verdict:
    """The verdict of one side's rules on one text's scores: the most severe action wins.

    Categories whose action is off are never flagged.
    """
    reached = [
        category
        for category, rule in side.rules.items()
        if rule.action is not Action.OFF and scores[category] >= rule.threshold
    ]
    reached.sort(key=lambda category: -side.rules[category].action.severity)
    action = side.rules[reached[0]].action if reached else Action.OFF
    return Verdict(action, tuple(reached), dict(scores), side.thresholds, classifier_version, span)


def judge_failure(
    side: SideRules, classifier_version: str = "", span: tuple[int, int] | None = None
) -> Verdict:
    """The verdict when the classifier raised: fail closed where any category blocks, else pass."""
    action = Action.BLOCK if side.blocks else Action.LOG
    return Verdict(action, (), {}, side.thresholds, classifier_version, span, failed=True)


def check(
    classifier: ModerationClassifier,
    text: str,
    side: SideRules,
    span: tuple[int, int] | None = None,
) -> Verdict:
    """Classifies and judges one text. Never raises: an error of the classifier is logged."""
    return check_each(classifier, [text], side, span)[0]


def check_each(
    classifier: ModerationClassifier,
    texts: Sequence[str],
    side: SideRules,
    span: tuple[int, int] | None = None,
) -> list[Verdict]:
    """Classifies texts together and judges each by itself, as ``check`` does."""
    try:
        scores = classifier.classify(texts)
    except Exception:
        _log.exception(
            "moderation failed (%s); failing closed: %s", classifier.version, side.blocks
        )
        return [judge_failure(side, classifier.version, span) for _ in texts]
    return [judge(each, side, classifier.version, span) for each in scores]


# The default actions. A user in distress must get an answer, so self-harm only adds a notice, and
# only instructions block. Violence is common in stories and news, so it is only logged.
_PROMPT_ACTIONS: dict[str, Action] = {
    "harassment": Action.LOG,
    "harassment/threatening": Action.WARN,
    "hate": Action.WARN,
    "hate/threatening": Action.BLOCK,
    "illicit": Action.WARN,
    "illicit/violent": Action.BLOCK,
    "self-harm": Action.WARN,
    "self-harm/intent": Action.WARN,
    "self-harm/instructions": Action.BLOCK,
    "sexual": Action.WARN,
    "sexual/minors": Action.BLOCK,
    "violence": Action.LOG,
    "violence/graphic": Action.WARN,
}
_RESPONSE_ACTIONS: dict[str, Action] = _PROMPT_ACTIONS | {
    "harassment": Action.WARN,
    "hate": Action.BLOCK,
}


@cache
def _shipped_thresholds() -> dict[str, dict[str, float]]:
    """{"flag": {category: threshold}, "block": {…}}, measured when the heads were trained."""
    thresholds: dict[str, dict[str, float]] = json.loads(_THRESHOLDS.read_text("utf-8"))
    return thresholds


def _threshold_for(category: str, action: Action) -> float:
    return _shipped_thresholds()["block" if action is Action.BLOCK else "flag"][category]


def _shipped(actions: Mapping[str, Action]) -> SideRules:
    return SideRules(
        rules={
            category: Rule(threshold=_threshold_for(category, action), action=action)
            for category, action in actions.items()
        }
    )


def _as_rule(category: str, change: "Action | str | Mapping[str, object]") -> dict[str, object]:
    if isinstance(change, str):
        try:
            action = Action(change)
        except ValueError:
            actions = [action.value for action in Action]
            problem = f"{category}: {change!r} is not an action"
            raise ValueError(f"{problem}; use one of {actions}") from None
        return {"action": action, "threshold": _threshold_for(category, action)}
    if not isinstance(change, Mapping):
        raise ValueError(f'{category}: expected an action or {{"action": …}}, not {change!r}')
    return dict(change)


def _read_sides(changes: str) -> dict[str, dict[str, Any]]:
    example = '{"prompt": {"hate": "block"}}'
    try:
        sides = json.loads(changes) if changes.strip() else {}
    except ValueError as error:
        raise ValueError(f"moderation actions are JSON like {example}: {error}") from None
    if not isinstance(sides, dict) or not all(isinstance(side, dict) for side in sides.values()):
        raise ValueError(f"moderation actions are JSON like {example}, not {changes}")
    return sides
