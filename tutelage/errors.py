"""Failures that a user can mend. Each message says what went wrong and what to do."""


class TutelageError(Exception):
    """The root of the failures below; the CLI prints it in one sentence and exits with 1."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field  # the request field at fault, in OpenAI's ``param`` notation


class Invalid(TutelageError):
    """The input breaks a rule; ``field`` names where."""


class NotFound(TutelageError):
    """It does not exist, or this user may not see it."""


class Forbidden(TutelageError):
    """This user may not do that."""


class Conflict(TutelageError):
    """It conflicts with what is under way or already done."""


class LimitReached(TutelageError):
    """A daily limit of this user is reached."""


class Unavailable(TutelageError):
    """It cannot be done now: a missing file, a full disk, a service that is down."""
