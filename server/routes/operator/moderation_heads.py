"""/v1/operator/moderation/learned: retrain the filter's heads on decided appeals; activate them."""

from pathlib import Path
from typing import Any

from fastapi import APIRouter
from sqlmodel import Session

from moderation.appeals import dataset, registry
from server.dependencies import OperatorDep, ServicesDep, StateDep
from server.schemas.operator.moderation_heads import HeadsChoice, LearnedHeads, Learning
from server.services import Services
from tutelage.chat import appeals
from tutelage.errors import Conflict

router = APIRouter(prefix="/v1/operator/moderation/learned", tags=["operator"])


@router.get("")
def show_learning(_operator: OperatorDep, services: ServicesDep, state: StateDep) -> Learning:
    """The decisions available for training, and the retrained heads so far."""
    return _learning(services, state.filter.problem)


@router.post("", status_code=201)
def learn_from_appeals(operator: OperatorDep, services: ServicesDep) -> LearnedHeads:
    """Train heads on the decided appeals; seconds on one core. It does not activate them."""
    from moderation.appeals.retrain import retrain_heads  # torch

    with services.store.read() as session:
        decided = dataset.derive(session)
    if not decided:
        raise Conflict("No decided appeal is available for training yet.")
    kept = _kept(services)
    described = retrain_heads(decided, kept)
    registry.share(kept, described["version"], services.storage)
    with services.store.write() as session:
        registry.record_retraining(session, described, operator.user.id)
        return _item(session, kept, described)


@router.put("")
def choose_heads(
    body: HeadsChoice, operator: OperatorDep, services: ServicesDep, state: StateDep
) -> Learning:
    """Activate heads: every service on this database follows within seconds."""
    kept = _kept(services)
    with services.store.write() as session:
        registry.activate(session, kept, body.version, operator.user.id)
    return _learning(services, state.filter.problem)


def _learning(services: Services, problem: str | None) -> Learning:
    kept = _kept(services)
    with services.store.read() as session:
        usable = len(dataset.derive(session))
        return Learning(
            decisions=usable,
            withheld=len(appeals.decided(session, consented=False)) - usable,
            in_force=registry.active_version(session),
            running=services.classifier.version if services.classifier else None,
            load_error=problem,
            heads=[_item(session, kept, each) for each in registry.listed(kept)],
        )


def _kept(services: Services) -> Path:
    return registry.folder(services.settings.data, services.storage)


def _item(session: Session, kept: Path, described: dict[str, Any]) -> LearnedHeads:
    examples = kept / described["version"] / registry.EXAMPLES
    gone = dataset.no_longer_allowed(session, examples)
    return LearnedHeads(**described, no_longer_allowed=gone)
