"""The two policies that a generator may hold: the current one, and its challenger."""

from typing import Generic, Protocol, TypeVar

from server.generators.generator import Divergence


class Held(Protocol):
    """A policy that new streams can use."""

    @property
    def policy_id(self) -> str: ...

    @property
    def window(self) -> int:
        """Tokens of prompt and answer together."""
        ...

    @property
    def divergence(self) -> Divergence | None: ...


H = TypeVar("H", bound=Held)


class Pair(Generic[H]):
    """What a generator says of the policies that it holds; ``max_window`` where there is none."""

    def __init__(self, max_window: int) -> None:
        self._max_window = max_window
        self._current: H | None = None
        self._challenger: H | None = None

    @property
    def policy_id(self) -> str | None:
        """The current policy, which new streams use; None before the first ``load``."""
        return self._current.policy_id if self._current else None

    @property
    def challenger(self) -> str | None:
        """The policy that new streams use only where they name it."""
        return self._challenger.policy_id if self._challenger else None

    @property
    def divergence(self) -> Divergence | None:
        """Of the current policy; None where it is served as trained, or by another engine."""
        return self._current.divergence if self._current else None

    @property
    def context_window(self) -> int:
        """Tokens of prompt and answer together."""
        return self._current.window if self._current else self._max_window
