"""What one application holds besides its routes: services, limits, watchers, running turns."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import cached_property, partial

from fastapi.concurrency import run_in_threadpool

from moderation.encoder.embedder import Embedder
from moderation.encoder.encoder import bundled_encoder
from server import moderation_watcher, policy_watcher
from server.chat import turn_service
from server.chat.turn_service import TurnService
from server.follow import Refresh, attempt, follow
from server.http.login_throttle import LoginThrottle
from server.http.metrics import Metrics
from server.http.rate_limit import RateLimits, open_storage
from server.http.sites import SiteOrigins
from server.kept import KeptCounts
from server.labeling import candidates
from server.labeling.candidates import CandidateWriter
from server.moderation_watcher import ModerationWatcher
from server.policy_watcher import PolicyWatcher
from server.services import Services
from tutelage.installation import saved_settings
from tutelage.people import erasure
from tutelage.people.quota import Quotas
from tutelage.settings import listed

ARTIFACTS_EVERY = 60.0  # seconds between two looks at the object storage


@dataclass(frozen=True)
class AppState:
    """Made once per application; routes get it from their dependencies."""

    services: Services
    metrics: Metrics
    limits: RateLimits
    quotas: Quotas
    throttle: LoginThrottle
    sites: SiteOrigins
    policies: PolicyWatcher
    filter: ModerationWatcher
    candidates: CandidateWriter
    turns: TurnService
    counts: KeptCounts

    @cached_property
    def embedder(self) -> Embedder:
        """The encoder of /v1/embeddings, loaded when it is first asked for."""
        return Embedder(bundled_encoder())

    def refresh_settings(self) -> None:
        """Take over what operators have saved meanwhile, in this process or another."""
        saved_settings.apply(self.services.settings, self.services.store)
        self.sites.refresh()

    def allows_origin(self, origin: str) -> bool:
        """Whether pages of this origin may call the API, with keys."""
        allowed = listed(self.services.settings.cors_origins)
        return "*" in allowed or origin in allowed or origin in self.sites.known

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Load the promoted policy and follow the store; at the end store what is being written."""
        await attempt("policies", self.policies.refresh, self.metrics.followed)
        await run_in_threadpool(erasure.finish, self.services.store)
        settings_refresh = partial(run_in_threadpool, self.refresh_settings)
        filter_refresh = partial(run_in_threadpool, self.filter.refresh)
        followers: list[tuple[str, float, Refresh]] = [
            ("settings", saved_settings.EVERY, settings_refresh),
            ("policies", policy_watcher.EVERY, self.policies.refresh),
            ("moderation heads", moderation_watcher.EVERY, filter_refresh),
            ("labeling tasks", candidates.EVERY, self.candidates.refresh),
            ("running turns", turn_service.RENEW_SECONDS, self.turns.renew),
        ]
        if self.services.storage:
            copies_refresh = partial(run_in_threadpool, self.services.refresh_copies)
            followers.append(("artifacts", ARTIFACTS_EVERY, copies_refresh))
        following = [
            asyncio.create_task(follow(*follower, self.metrics.followed)) for follower in followers
        ]
        try:
            yield
        finally:
            for task in following:
                task.cancel()
            await self.services.generator.close()
            await self.turns.finish()


def new_state(services: Services) -> AppState:
    """The state of a fresh application around the services that it is handed."""
    settings, metrics = services.settings, Metrics()
    metrics.watch_connections(services.store.connections_in_use)
    metrics.watch_engine(services.generator)
    storage = open_storage(settings.limits_url)
    limits = RateLimits(storage, settings)
    policies = PolicyWatcher(services, metrics)
    return AppState(
        services=services,
        metrics=metrics,
        limits=limits,
        quotas=Quotas(settings),
        throttle=LoginThrottle(storage),
        sites=SiteOrigins(services.store),
        policies=policies,
        filter=ModerationWatcher(services),
        candidates=CandidateWriter(services),
        turns=TurnService(services, metrics, policies, limits),
        counts=KeptCounts(services.store),
    )
