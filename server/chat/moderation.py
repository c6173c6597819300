"""A request's own moderation: the rules it asks for, and the scores it is given back."""

from collections.abc import Sequence
from typing import Literal

from moderation.categories import CATEGORIES
from moderation.rules import Action, ModerationRules, SideRules, Verdict
from server.schemas.openai.moderation_field import (
    Moderated,
    ModerationFailure,
    ModerationOptions,
    ModerationResults,
    ModerationScores,
)


def rules_for(options: ModerationOptions | None, rules: ModerationRules) -> ModerationRules:
    """The operator's rules, made as strict as a request asks."""
    if options is None:
        return rules
    return ModerationRules(
        prompt=_stricter(rules.prompt, options.mode("input")),
        response=_stricter(rules.response, options.mode("output")),
    )


def _stricter(side: SideRules, mode: str) -> SideRules:
    """Every category is watched, and with ``block`` every one blocks."""
    least = Action.BLOCK if mode == "block" else Action.LOG
    milder = [name for name, rule in side.rules.items() if rule.action.severity < least.severity]
    return side.with_changes({name: least for name in milder})


def moderated(prompt: Verdict | None, answers: Sequence[Verdict | None]) -> Moderated:
    """The verdicts of a turn in OpenAI's words; a blocked prompt has no answers to score."""
    return Moderated(input=_outcome([prompt], "input"), output=_outcome(answers, "output"))


def _outcome(
    verdicts: Sequence[Verdict | None], side: Literal["input", "output"]
) -> ModerationResults | ModerationFailure:
    known = [verdict for verdict in verdicts if verdict and not verdict.failed]
    if not known or len(known) < len(verdicts):
        message = f"There is no scored {side}."
        return ModerationFailure(type="error", code="not_scored", message=message)
    return ModerationResults(
        type="moderation_results",
        model=known[0].classifier_version,
        results=[_scores(verdict) for verdict in known],
    )


def _scores(verdict: Verdict) -> ModerationScores:
    return ModerationScores(
        type="moderation_result",
        model=verdict.classifier_version,
        flagged=bool(verdict.flagged),
        categories={name: name in verdict.flagged for name in CATEGORIES},
        category_scores={name: verdict.scores[name] for name in CATEGORIES},
        category_applied_input_types={name: ["text"] for name in CATEGORIES},
    )
