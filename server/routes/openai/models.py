"""/v1/models: the alias `tutelage` and every policy version."""

from fastapi import APIRouter

from server.dependencies import CallerDep, ServicesDep
from server.generators.generator import Generator
from server.http.auth import Caller
from server.openai.models import ALIAS, may_use, model_not_found
from server.schemas.openai.models import ModelDivergence, ModelItem, ModelList
from server.services import Services
from tutelage.policies import deployment
from tutelage.tables import PolicyVersion

router = APIRouter(prefix="/v1/models", tags=["models"])


@router.get("")
def list_models(caller: CallerDep, services: ServicesDep) -> ModelList:
    """The models: `tutelage` first, then policy versions, newest first."""
    return ModelList(data=_models(services, caller))


@router.get("/{model_id}")
def get_model(model_id: str, caller: CallerDep, services: ServicesDep) -> ModelItem:
    """One model."""
    for model in _models(services, caller):
        if model.id == model_id:
            return model
    raise model_not_found(model_id)


def _models(services: Services, caller: Caller) -> list[ModelItem]:
    generator = services.generator
    loaded = generator.policy_id
    with services.store.read() as session:
        versions = deployment.versions(session)
    models = [
        _model(each.id, each, each.id == loaded or may_use(services, caller, each), generator)
        for each in versions
    ]
    return [_model(ALIAS, each, True, generator) for each in versions if each.id == loaded] + models


def _model(name: str, version: PolicyVersion, available: bool, generator: Generator) -> ModelItem:
    measured = generator.divergence if version.id == generator.policy_id else None
    return ModelItem(
        id=name,
        created=int(version.created_at),
        policy_id=version.id,
        state=version.state,
        available=available,
        divergence=ModelDivergence(**vars(measured)) if measured else None,
    )
