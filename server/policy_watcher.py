"""Keeps the generator on the promoted policy and on the challenger, and routes users to them."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Mapping

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
PATIENCE_SECONDS = 60.0  # for another request to release the challenger's slot


class PolicyWatcher:
    """Follows the store, so that promotions by any process take effect here."""

    def __init__(self, services: Services, metrics: Metrics) -> None:
        self.problem: str | None = None  # why the promoted policy is not loaded
        self.routing = Routing()
        self.of_teams: Mapping[str, str] = {}  # team id: its current policy
        self._services = services
        self._metrics = metrics
        self._failed: str | None = None
        self._retry_at = 0.0
        self._borrowed: str | None = None
        self._borrowers = 0
        self._challenger_slot = asyncio.Condition()  # held while the challenger changes

    @property
    def policy_id(self) -> str | None:
        """The policy that responds to new turns."""
        return self._services.generator.policy_id

    @contextlib.asynccontextmanager
    async def borrowed(self, policy_id: str) -> AsyncIterator[None]:
        """Keep a policy in memory while a request needs it.

        It is loaded as the challenger; several requests may share one, and a request for another
        waits. Raises Conflict while a trial holds the challenger's slot, and Unavailable or
        NotFound where the policy cannot be loaded.
        """
        if policy_id in (self.policy_id, self.routing.challenger):
            yield
            return
        await self._borrow(policy_id)
        try:
            yield
        finally:
            await self._give_back()

    async def of_team(self, team_id: str | None, held: contextlib.AsyncExitStack) -> str | None:
        """The policy that a team has of its own, in memory until ``held`` ends.

        None for the common one: also while a trial holds the challenger's slot, and where the
        team's policy cannot be loaded.
        """
        policy_id = self.of_teams.get(team_id or "")
        if policy_id is None:
            return None
        try:
            await held.enter_async_context(self.borrowed(policy_id))
        except TutelageError as error:
            logger.warning("The common policy answers for %s: %s", policy_id, error.message)
            return None
        return policy_id

    async def _borrow(self, policy_id: str) -> None:
        async with self._challenger_slot:
            await self._wait_for_place(policy_id)
            if self.routing.challenger is not None:
                trial = f"{self.routing.challenger} is on trial and holds the challenger's slot"
                raise Conflict(f"{trial}; end the trial before using {policy_id}.")
            if self._services.generator.challenger != policy_id:
                path = await run_in_threadpool(self._services.library.path, policy_id)
                await run_in_threadpool(self._check, policy_id)
                await self._services.generator.load(policy_id, path, challenger=True)
            self._borrowed = policy_id
            self._borrowers += 1

    async def _wait_for_place(self, policy_id: str) -> None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._challenger_slot.wait_for(lambda: self._borrowed in (None, policy_id))
        except TimeoutError:
            busy = f"{self._borrowed} is loaded as the challenger"
            raise Unavailable(f"{busy}; try {policy_id} again in a moment.") from None

    async def _give_back(self) -> None:
        async with self._challenger_slot:
            self._borrowers -= 1
            if not self._borrowers:
                self._borrowed = None  # the next refresh unloads it
                self._challenger_slot.notify_all()

    async def refresh(self) -> None:
        """Load the promoted policy unless it is loaded; a failure keeps the current one.

        The routing changes first, so that a rollback moves traffic at once.
        """
        promoted, routing, self.of_teams = await run_in_threadpool(self._wanted)
        self.routing = routing
        await self._follow_current(promoted)
        if promoted is not None and promoted == self.policy_id:
            async with self._challenger_slot:
                wanted = routing.challenger or self._borrowed or self._team_policy_to_keep()
                await self._follow_challenger(wanted)

    def _team_policy_to_keep(self) -> str | None:
        """The policy of a team that waits in the free slot: the one that answered last."""
        loaded, policies = self._services.generator.challenger, list(self.of_teams.values())
        return loaded if loaded in policies else next(iter(policies), None)

    async def _follow_current(self, promoted: str | None) -> None:
        if promoted is None:
            self.problem = "No policy is promoted; `tutelage setup` creates the base policy."
        elif promoted == self.policy_id:
            self.problem = None
        elif promoted != self._failed or time.monotonic() >= self._retry_at:
            await self._load(promoted)

    async def _follow_challenger(self, wanted: str | None) -> None:
        challenger = self._services.generator.challenger
        if challenger is not None and challenger != wanted:
            await self._services.generator.unload(challenger)
        if wanted is None or wanted == challenger:
            return
        if wanted != self._failed or time.monotonic() >= self._retry_at:
            await self._load(wanted, challenger=True)

    def _wanted(self) -> tuple[str | None, Routing, dict[str, str]]:
        with self._services.store.read() as session:
            version = deployment.current(session)
            of_teams = deployment.of_teams(session)
            return version.id if version else None, experiments.routing(session), of_teams

    async def _load(self, policy_id: str, challenger: bool = False) -> None:
        try:
            path = await run_in_threadpool(self._services.library.path, policy_id)
            await run_in_threadpool(self._check, policy_id)
            await self._services.generator.load(policy_id, path, challenger=challenger)
        except Exception as error:
            self._remember_failure(policy_id, error)
        else:
            self.problem, self._failed = None, None
            self._metrics.loaded("ok")
            logger.info("%s is loaded%s.", policy_id, " as the challenger" if challenger else "")

    def _check(self, policy_id: str) -> None:
        problems = self._services.library.verify(policy_id)
        if problems:
            raise Unavailable(f"{policy_id} is damaged: {problems[0]} Roll back or repair it.")

    def _remember_failure(self, policy_id: str, error: Exception) -> None:
        kept = f"{self.policy_id} stays loaded" if self.policy_id else "no policy is loaded"
        reason = error.message if isinstance(error, TutelageError) else f"{type(error).__name__}"
        self.problem = f"{policy_id} could not be loaded ({kept}): {reason}"
        self._failed, self._retry_at = policy_id, time.monotonic() + RETRY_SECONDS
        self._metrics.loaded("failed")
        logger.error("%s", self.problem, exc_info=not isinstance(error, TutelageError))
