"""Keeps the generator on the promoted policy and on the challenger, and routes users to them."""

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from fastapi.concurrency import run_in_threadpool

from server.http.metrics import Metrics
from server.services import Services
from tutelage.errors import Conflict, TutelageError, Unavailable
from tutelage.experiments import experiments
from tutelage.experiments.experiments import Routing
from tutelage.policies import deployment

logger = logging.getLogger(__name__)

EVERY = 1.0  # seconds between two looks at the store
RETRY_SECONDS = 60.0
PATIENCE_SECONDS = 60.0  # for other requests to release a challenger's place


@dataclass(frozen=True)
class TeamPolicies:
    """What a team has of its own: a policy, a trial of one, or both."""

    current: str | None  # None: the common one
    routing: Routing

    @property
    def loaded(self) -> list[str]:
        """The policies that answer its members and are not the common one."""
        return [each for each in (self.current, self.routing.challenger) if each]


class PolicyWatcher:
    """Follows the store, so that promotions by any process take effect here."""

    def __init__(self, services: Services, metrics: Metrics) -> None:
        self.problem: str | None = None  # why the promoted policy is not loaded
        self.routing = Routing()
        self._of_teams: Mapping[str, TeamPolicies] = {}
        self._services = services
        self._metrics = metrics
        self._retry_at: dict[str, float] = {}  # on the monotonic clock, of what failed to load
        self._places = services.settings.policies_in_memory - 1  # beside the current policy
        self._borrowers: Counter[str] = Counter()  # requests that need a policy, by its id
        self._challengers = asyncio.Condition()  # held while they change

    @property
    def policy_id(self) -> str | None:
        """The policy that responds to new turns."""
        return self._services.generator.policy_id

    def of_team(self, team_id: str | None) -> TeamPolicies | None:
        """What a team has of its own; None where the common policies answer its members."""
        return self._of_teams.get(team_id or "")

    @contextlib.asynccontextmanager
    async def borrowed(self, *policy_ids: str) -> AsyncIterator[None]:
        """Keep policies in memory while a request needs them all.

        They are loaded as challengers; requests may share them, and one that finds no place waits.
        Raises Conflict while a trial holds the only place, and Unavailable or NotFound where a
        policy cannot be loaded.
        """
        here = (self.policy_id, self.routing.challenger)
        wanted = [policy_id for policy_id in dict.fromkeys(policy_ids) if policy_id not in here]
        if not wanted:
            yield
            return
        await self._borrow(wanted)
        try:
            yield
        finally:
            await self._give_back(wanted)

    async def _borrow(self, wanted: list[str]) -> None:
        async with self._challengers:
            await self._wait_for_places(wanted)
            if self._too_many(wanted):
                trial = self.routing.challenger
                beside = f" beside {trial}, which is on trial" if trial else ""
                raise Conflict(
                    f"There is no place in memory for {' and '.join(wanted)}{beside}. "
                    f"{'End the trial, or raise' if trial else 'Raise'} policies_in_memory."
                )
            self._borrowers.update(wanted)
            try:
                for policy_id in wanted:
                    await self._load_beside(policy_id)
            except BaseException:
                self._borrowers -= Counter(wanted)
                raise

    def _too_many(self, wanted: list[str]) -> bool:
        return len(self._on_trial | set(wanted)) > self._places

    async def _wait_for_places(self, wanted: list[str]) -> None:
        def decided() -> bool:
            return self._too_many(wanted) or len(self._held | set(wanted)) <= self._places

        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._challengers.wait_for(decided)
        except TimeoutError:
            busy = f"{', '.join(sorted(self._held))} hold the places of challengers"
            raise Unavailable(f"{busy}; try {wanted[0]} again in a moment.") from None

    async def _load_beside(self, policy_id: str) -> None:
        """Load a challenger, in the place of one that nobody holds where all are taken."""
        generator = self._services.generator
        if policy_id in generator.challengers:
            return
        while len(generator.challengers) >= self._places:
            idle = [each for each in generator.challengers if each not in self._held]
            await generator.unload((idle or generator.challengers)[0])
        path = await run_in_threadpool(self._services.library.path, policy_id)
        await run_in_threadpool(self._check, policy_id)
        await generator.load(policy_id, path, challenger=True)

    @property
    def _on_trial(self) -> set[str]:
        return {self.routing.challenger} if self.routing.challenger else set()

    @property
    def _held(self) -> set[str]:
        """The challengers that must stay."""
        return self._on_trial | set(self._borrowers)

    async def _give_back(self, policy_ids: list[str]) -> None:
        async with self._challengers:
            self._borrowers -= Counter(policy_ids)  # the next refresh unloads what nobody needs
            self._challengers.notify_all()

    async def refresh(self) -> None:
        """Load the promoted policy unless it is loaded; a failure keeps the current one.

        The routing changes first, so that a rollback moves traffic at once.
        """
        promoted, self.routing, self._of_teams = await run_in_threadpool(self._wanted)
        await self._follow_current(promoted)
        if promoted is not None and promoted == self.policy_id:
            async with self._challengers:
                await self._follow_challengers()

    async def _follow_challengers(self) -> None:
        """Load what is on trial, and policies of teams into the places that are left."""
        generator = self._services.generator
        of_teams = [each for team in self._of_teams.values() for each in team.loaded]
        for policy_id in generator.challengers:
            if policy_id not in self._held | set(of_teams):
                await generator.unload(policy_id)
        for policy_id in dict.fromkeys([*self._on_trial, *of_teams]):
            room = policy_id in self._held or len(generator.challengers) < self._places
            if (
                room
                and not self._waits(policy_id)
                and policy_id not in (self.policy_id, *generator.challengers)
            ):
                await self._load(policy_id, challenger=True)

    async def _follow_current(self, promoted: str | None) -> None:
        if promoted is None:
            self.problem = "No policy is promoted; `tutelage setup` creates the base policy."
        elif promoted == self.policy_id:
            self.problem = None
        elif not self._waits(promoted):
            await self._load(promoted)

    def _waits(self, policy_id: str) -> bool:
        """Whether it failed to load a moment ago."""
        return time.monotonic() < self._retry_at.get(policy_id, 0.0)

    def _wanted(self) -> tuple[str | None, Routing, dict[str, TeamPolicies]]:
        with self._services.store.read() as session:
            version, own = deployment.current(session), deployment.of_teams(session)
            trials = experiments.of_teams(session)
            routing = experiments.routing(session)
        of_teams = {
            team_id: TeamPolicies(own.get(team_id), trials.get(team_id, Routing()))
            for team_id in {*own, *trials}
        }
        return version.id if version else None, routing, of_teams

    async def _load(self, policy_id: str, challenger: bool = False) -> None:
        try:
            if challenger:
                await self._load_beside(policy_id)
            else:
                path = await run_in_threadpool(self._services.library.path, policy_id)
                await run_in_threadpool(self._check, policy_id)
                await self._services.generator.load(policy_id, path)
        except Exception as error:
            self._remember_failure(policy_id, error)
        else:
            self.problem = None
            self._retry_at.pop(policy_id, None)
            self._metrics.loaded("ok")
            logger.info("%s is loaded%s.", policy_id, " as a challenger" if challenger else "")

    def _check(self, policy_id: str) -> None:
        problems = self._services.library.verify(policy_id)
        if problems:
            raise Unavailable(f"{policy_id} is damaged: {problems[0]} Roll back or repair it.")

    def _remember_failure(self, policy_id: str, error: Exception) -> None:
        kept = f"{self.policy_id} stays loaded" if self.policy_id else "no policy is loaded"
        reason = error.message if isinstance(error, TutelageError) else f"{type(error).__name__}"
        self.problem = f"{policy_id} could not be loaded ({kept}): {reason}"
        self._retry_at[policy_id] = time.monotonic() + RETRY_SECONDS
        self._metrics.loaded("failed")
        logger.error("%s", self.problem, exc_info=not isinstance(error, TutelageError))
