"""The policies that a generator holds: the current one, and challengers beside it."""

from typing import Generic, Protocol, TypeVar

from server.generators.generator import Divergence, Occupancy
from tutelage.errors import Unavailable


class LoadedPolicy(Protocol):
    """A policy that new streams can use."""

    @property
    def policy_id(self) -> str: ...

    @property
    def window(self) -> int:
        """Tokens of prompt and answer together."""
        ...

    @property
    def divergence(self) -> Divergence | None: ...

    @property
    def engine(self) -> str: ...


P = TypeVar("P", bound=LoadedPolicy)


class ModelSlots(Generic[P]):
    """What a generator says of the policies that it holds; ``max_window`` where there is none."""

    def __init__(self, max_window: int) -> None:
        self._max_window = max_window
        self._current: P | None = None
        self._challengers: dict[str, P] = {}  # by id; the one that was asked longest ago first

    @property
    def policy_id(self) -> str | None:
        """The current policy, which new streams use; None before the first ``load``."""
        return self._current.policy_id if self._current else None

    @property
    def challengers(self) -> tuple[str, ...]:
        """The policies that new streams use only where they name them."""
        return tuple(self._challengers)

    @property
    def divergence(self) -> Divergence | None:
        """Of the current policy; None where it is served as trained, or by another engine."""
        return self._current.divergence if self._current else None

    @property
    def engine(self) -> str:
        """What computes the current policy, and why; empty where there is none."""
        return self._current.engine if self._current else ""

    @property
    def occupancy(self) -> Occupancy | None:
        """How busy the engine is; None where it is another process."""
        return None

    @property
    def context_window(self) -> int:
        """Tokens of prompt and answer together."""
        return self._current.window if self._current else self._max_window

    def _find(self, policy_id: str | None) -> P:
        """The policy for a new stream: the current one, or the one named. Raises Unavailable."""
        if self._current is None:
            raise Unavailable("No policy is loaded; wait until the service is ready.")
        if policy_id in (None, self._current.policy_id):
            return self._current
        if policy := self._challengers.pop(policy_id or "", None):
            self._challengers[policy.policy_id] = policy
            return policy
        raise Unavailable(f"{policy_id} is not loaded; {self.policy_id} answers.")

    def _install(self, policy: P, challenger: bool) -> None:
        """Make it a challenger of another current policy, or else the current one."""
        if challenger and self.policy_id not in (None, policy.policy_id):
            self._challengers[policy.policy_id] = policy
        else:
            self._current = policy
            self._challengers.pop(policy.policy_id, None)
