"""Moderates what people write besides prompts: better answers, demonstrations, titles, names."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from moderation.rules import Action, Verdict, check_each
from server.chat import notices
from server.chat.notices import Side
from server.http.metrics import Metrics
from server.services import Services
from tutelage.errors import Invalid


def moderate(
    services: Services, metrics: Metrics, texts: Sequence[tuple[str, Side]]
) -> dict[str, Any] | None:
    """The notice that is stored with feedback, as JSON; None unless a text is flagged.

    Flagged feedback is stored, and its text is not learned from.
    """
    verdict = _verdict(services, texts)
    if verdict is None:
        return None
    metrics.moderated("feedback", verdict)
    notice = notices.of_verdict("feedback", verdict)
    return asdict(notice) if notice else None


def require_unblocked(services: Services, metrics: Metrics, text: str, field: str) -> None:
    """Raises Invalid for a title or name that the rules for prompts block."""
    verdict = _verdict(services, [(text, "user")])
    if verdict is None:
        return
    metrics.moderated("name", verdict)
    if verdict.action is Action.BLOCK:
        notice = notices.of_verdict("name", verdict)
        raise Invalid(notice.message if notice else "", field)


def _verdict(services: Services, texts: Sequence[tuple[str, Side]]) -> Verdict | None:
    """The most severe verdict on texts, each under the rules for its author."""
    classifier, written = services.classifier, [each for each in texts if each[0].strip()]
    if classifier is None or not written:
        return None
    rules = services.rules()
    verdicts = []
    for author, side in (("user", rules.prompt), ("assistant", rules.response)):
        of_side = [text for text, by in written if by == author]
        if of_side and side.watches:
            verdicts += check_each(classifier, of_side, side)
    return max(verdicts, key=lambda each: each.action.severity, default=None)
