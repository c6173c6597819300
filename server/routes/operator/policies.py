"""/v1/operator/policies: policy versions, promotion and rollback."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from server.dependencies import OperatorDep, ServicesDep
from server.schemas.operator.operator import PolicyDetail, PolicyItem, PromotionRequest
from server.schemas.text import Name, Page, columns
from tutelage.errors import Conflict, NotFound, TutelageError
from tutelage.policies import deployment
from tutelage.policies.library import CARD, PolicyLibrary
from tutelage.tables import PolicyVersion

router = APIRouter(prefix="/v1/operator/policies", tags=["operator"])


@router.get("")
def list_policies(_operator: OperatorDep, services: ServicesDep) -> Page[PolicyItem]:
    """All policy versions, newest first, with their evaluation metrics."""
    with services.store.read() as session:
        versions = deployment.versions(session)
    return Page(data=[_item(services.library, version) for version in versions])


@router.post("/rollback")
def rollback(
    operator: OperatorDep,
    services: ServicesDep,
    team_id: Annotated[Name | None, Query(description="Of this team; omitted: everyone's.")] = None,
) -> PolicyItem:
    """Return to the previous policy; running responses are not interrupted."""
    with services.store.write() as session:
        version = deployment.rollback(session, operator.user.id, team_id)
    return _item(services.library, version)


@router.get("/{policy_id}")
def get_policy(policy_id: Name, _operator: OperatorDep, services: ServicesDep) -> PolicyDetail:
    """One policy version with its manifest and card."""
    with services.store.read() as session:
        version = session.get(PolicyVersion, policy_id)
    if version is None:
        raise NotFound(f"Policy {policy_id!r} not found.")
    item = _item(services.library, version)
    manifest = _manifest(services.library, policy_id)
    card = _card(services.library, policy_id)
    return PolicyDetail(**item.model_dump(), manifest=manifest, card=card)


@router.post("/{policy_id}/promote")
def promote(
    policy_id: Name,
    operator: OperatorDep,
    services: ServicesDep,
    body: PromotionRequest | None = None,
) -> PolicyItem:
    """Make a policy the current one, after its files are checked; running responses finish."""
    explanation = body.explanation if body else ""
    if policy_id in services.library.ids():
        problems = services.library.verify(policy_id)
        if problems:
            raise Conflict(f"{policy_id} is damaged and was not promoted: {problems[0]}")
        services.library.require_weights(policy_id)
    with services.store.write() as session:
        version = deployment.promote(session, policy_id, operator.user.id, explanation)
    return _item(services.library, version)


def _item(library: PolicyLibrary, version: PolicyVersion) -> PolicyItem:
    metrics = _manifest(library, version.id).get("metrics") or {}
    return PolicyItem(**columns(version, PolicyItem) | {"metrics": metrics})


def _manifest(library: PolicyLibrary, policy_id: str) -> dict[str, Any]:
    """The manifest, or nothing when it cannot be read: the list shows damaged policies too."""
    try:
        return library.manifest(policy_id)
    except TutelageError:
        return {}


def _card(library: PolicyLibrary, policy_id: str) -> str:
    try:
        return library.read(policy_id, CARD).decode("utf-8", errors="replace")
    except (TutelageError, OSError):
        return ""
