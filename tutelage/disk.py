"""The disk: whether an error says that it is full, and whether there is room to write."""

import shutil
from pathlib import Path

LEAST_BYTES = 8_000_000  # below this nothing can be stored for long
_SIGNS = ("no space left", "disk is full", "os error 28", "errno 28", "disk quota exceeded")


def is_full(error: BaseException) -> bool:
    """Whether the error, or its cause, says that no space is left."""
    text = str(error).lower()
    cause = error.__cause__ or error.__context__
    return any(sign in text for sign in _SIGNS) or (cause is not None and is_full(cause))


def problem(folder: Path) -> str | None:
    """A sentence when the disk of this folder has no room left."""
    free = shutil.disk_usage(folder).free
    if free >= LEAST_BYTES:
        return None
    return (
        f"The disk of {folder.absolute()} is full ({free / 1e6:.1f} MB left): nothing can be "
        "stored. Free some space."
    )
