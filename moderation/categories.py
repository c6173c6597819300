"""The thirteen harm categories, in the spelling of OpenAI's omni-moderation models."""

CATEGORIES: tuple[str, ...] = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/intent",
    "self-harm/instructions",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
)


def zero_scores() -> dict[str, float]:
    """The scores of a text without any finding."""
    return dict.fromkeys(CATEGORIES, 0.0)
