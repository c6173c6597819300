"""Small things of wording that outputs share."""


def counted(count: int, noun: str, plural: str = "") -> str:
    """``1 example``, ``2 examples``, ``1,200 examples``; ``plural`` where it is not noun + s."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"
