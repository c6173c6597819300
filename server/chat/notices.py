"""What users are told about moderation: one clear sentence per verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from moderation import injection
from moderation.rules import Action, Verdict

Side = Literal["user", "assistant"]
Noticed = Literal["user", "assistant", "feedback", "name"]
NoticeAction = Literal["warn", "block"]

_PLAIN = {
    "harassment": "harassment",
    "harassment/threatening": "threats",
    "hate": "hate",
    "hate/threatening": "hateful threats",
    "illicit": "wrongdoing",
    "illicit/violent": "violent wrongdoing",
    "self-harm": "self-harm",
    "self-harm/intent": "self-harm",
    "self-harm/instructions": "self-harm",
    "sexual": "sexual content",
    "sexual/minors": "sexual content about minors",
    "violence": "violence",
    "violence/graphic": "graphic violence",
    injection.CATEGORY: "an attempt to override the assistant's instructions",
}
_SENTENCES = {
    ("user", "block"): "I can't answer this message: it was flagged for {what}.",
    ("user", "warn"): "This message was flagged for {what}.",
    ("assistant", "block"): "This answer was cut off: the rest was flagged for {what}.",
    ("assistant", "warn"): "This answer was flagged for {what}; read it with care.",
    ("feedback", "block"): "Saved, but flagged for {what}: the model does not learn this text.",
    ("feedback", "warn"): "Saved, but flagged for {what}: the model does not learn this text.",
    ("name", "block"): "This text was flagged for {what}. Choose another.",
}
_UNCHECKED = {
    "user": "I can't answer this message: it could not be checked. Please try again later.",
    "assistant": "This answer was cut off: the rest could not be checked.",
    "feedback": "Saved, but it could not be checked: the model does not learn this text.",
    "name": "This text could not be checked. Please try again later.",
}
_IN_DISTRESS = {
    "warn": "You do not have to be alone with this.",
    "block": "I can't help with this, but you do not have to be alone with it.",
}
_CRISIS = (
    " If you are thinking of harming yourself, please talk to someone you trust, or call your "
    "local emergency number or a crisis line now; findahelpline.com lists them by country."
)


@dataclass(frozen=True)
class Notice:
    """What moderation did, for the user to read."""

    action: NoticeAction
    categories: list[str]
    message: str


def of_verdict(side: Noticed, verdict: Verdict | None) -> Notice | None:
    """The notice of a fresh verdict; None unless it warns or blocks."""
    return notice(side, verdict.action, verdict.flagged) if verdict else None


def notice(side: Noticed, action: str, categories: Sequence[str]) -> Notice | None:
    """The notice on a prompt (side ``user``), response (``assistant``), feedback or name.

    Blocked without a category means that the classifier failed and the service fails closed.
    """
    if action not in (Action.WARN, Action.BLOCK):
        return None
    shown: NoticeAction = "block" if action == Action.BLOCK else "warn"
    message = _UNCHECKED[side] if not categories else _sentence(side, shown, categories)
    return Notice(shown, list(categories), message)


def _sentence(side: str, action: str, categories: Sequence[str]) -> str:
    narrow = [c for c in categories if not any(other.startswith(f"{c}/") for other in categories)]
    plain = dict.fromkeys(_PLAIN[category] for category in narrow)
    if "self-harm" in plain and side == "user":
        return _IN_DISTRESS[action] + _CRISIS
    sentence = _SENTENCES[side, action].format(what=_listed(list(plain)))
    return sentence + (_CRISIS if "self-harm" in plain else "")


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
