"""Liveness, readiness and metrics."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from server.dependencies import ServicesDep, StateDep
from server.schemas.health import Health, ReadyState
from tutelage import disk

router = APIRouter(tags=["health"])

READY_SECONDS = 3.0


@router.get("/health", include_in_schema=False)  # vLLM's name: its clients ask before they begin
@router.get("/healthz")
async def healthz() -> Health:
    """The process is running."""
    return Health()


@router.get("/readyz", responses={503: {"model": ReadyState}})
def readyz(services: ServicesDep, state: StateDep, response: Response) -> ReadyState:
    """Readiness: a policy is loaded, the database is reachable, and the disk has room.

    ``problem`` also says why a promoted policy is not loaded.
    """
    problem = state.policies.problem
    database = services.store.answers(READY_SECONDS)
    if not database:
        problem = "The database is not reachable."
    full = disk.problem(services.settings.data)
    problem = full or problem
    if state.turns.closing:
        problem = "The service is shutting down."
    loaded = state.policies.policy_id is not None
    ready = database and loaded and not full and not state.turns.closing
    response.status_code = 200 if ready else 503
    status = "ready" if ready else "not_ready"
    return ReadyState(
        status=status,
        policy=state.policies.policy_id,
        engine=services.generator.engine,
        problem=problem,
    )


@router.get("/metrics", response_class=Response)
async def metrics(state: StateDep) -> Response:
    """Prometheus metrics."""
    return Response(state.metrics.render(), media_type=CONTENT_TYPE_LATEST)
