"""/v1/models: the alias `tutelage` and every policy version; the current one can be asked."""

from fastapi import APIRouter

from server.dependencies import CallerDep, ServicesDep
from server.errors import BAD_REQUEST, ApiError
from server.schemas.models import Model, ModelList
from server.services import Services
from tutelage import deployment
from tutelage.tables import PolicyVersion

router = APIRouter(prefix="/v1/models", tags=["models"])

ALIAS = "tutelage"


@router.get("")
def list_models(_caller: CallerDep, services: ServicesDep) -> ModelList:
    """The models: `tutelage` first, then policy versions, newest first."""
    return ModelList(data=_models(services))


@router.get("/{model_id}")
def get_model(model_id: str, _caller: CallerDep, services: ServicesDep) -> Model:
    """One model."""
    for model in _models(services):
        if model.id == model_id:
            return model
    raise not_found(model_id)


def require_available(services: Services, model: str) -> None:
    """Refuse a model that does not answer here."""
    loaded = services.generator.policy_id
    if model in (ALIAS, loaded):
        return
    with services.store.read() as session:
        known = session.get(PolicyVersion, model)
    if known is None:
        raise not_found(model)
    message = f"{model} does not answer now; ask for '{ALIAS}', which is {loaded}."
    raise ApiError(404, message, BAD_REQUEST, "model", "model_not_found")


def not_found(model: str) -> ApiError:
    """OpenAI's words for it."""
    message = f"The model '{model[:100]}' does not exist; GET /v1/models lists those that do."
    return ApiError(404, message, BAD_REQUEST, "model", "model_not_found")


def _models(services: Services) -> list[Model]:
    loaded = services.generator.policy_id
    with services.store.read() as session:
        versions = deployment.versions(session)
    models = [_model(version.id, version, loaded) for version in versions]
    current = [version for version in versions if version.id == loaded]
    return [_model(ALIAS, version, loaded) for version in current] + models


def _model(name: str, version: PolicyVersion, loaded: str | None) -> Model:
    return Model(
        id=name,
        created=int(version.created_at),
        policy_id=version.id,
        state=version.state,
        available=version.id == loaded,
    )
