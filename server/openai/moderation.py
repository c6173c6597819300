"""Moderation in OpenAI's format: the ``moderation`` field, its results, and our notices."""

from collections.abc import Sequence
from typing import Literal

from moderation.categories import CATEGORIES
from moderation.rules import Action, Verdict
from server.chat.minimum_actions import MinimumActions
from server.chat.notices import Notice
from server.schemas.openai.chat import ModerationNotice
from server.schemas.openai.moderation_field import (
    Moderated,
    ModerationFailure,
    ModerationOptions,
    ModerationResults,
    ModerationScores,
)


def minimum_actions(options: ModerationOptions | None) -> MinimumActions | None:
    """What a request asks for: every category is at least logged, with ``block`` blocked."""
    if options is None:
        return None
    actions = {"score": Action.LOG, "block": Action.BLOCK}
    return MinimumActions(actions[options.mode("input")], actions[options.mode("output")])


def as_notice(notice: Notice | None) -> ModerationNotice | None:
    """A notice as clients read it."""
    return ModerationNotice(**vars(notice)) if notice else None


def moderated(prompt: Verdict | None, responses: Sequence[Verdict | None]) -> Moderated:
    """The verdicts of a turn; a blocked prompt has no responses to score."""
    return Moderated(input=_outcome([prompt], "input"), output=_outcome(responses, "output"))


def _outcome(
    verdicts: Sequence[Verdict | None], side: Literal["input", "output"]
) -> ModerationResults | ModerationFailure:
    known = [verdict for verdict in verdicts if verdict and not verdict.failed]
    if not known or len(known) < len(verdicts):
        message = f"The {side} was not scored."
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
