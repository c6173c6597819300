"""/v1/models: the alias `tutelage` and every policy version, and who may ask which."""

from fastapi import APIRouter

from server.dependencies import CallerDep, ServicesDep
from server.generators.generator import Generator
from server.http.auth import Caller
from server.http.errors import BAD_REQUEST, ApiError
from server.schemas.openai.models import Model, ModelDivergence, ModelList
from server.services import Services
from tutelage.policies import deployment
from tutelage.tables import PolicyState, PolicyVersion, Role

router = APIRouter(prefix="/v1/models", tags=["models"])

ALIAS = "tutelage"


@router.get("")
def list_models(caller: CallerDep, services: ServicesDep) -> ModelList:
    """The models: `tutelage` first, then policy versions, newest first."""
    return ModelList(data=_models(services, caller))


@router.get("/{model_id}")
def get_model(model_id: str, caller: CallerDep, services: ServicesDep) -> Model:
    """One model."""
    for model in _models(services, caller):
        if model.id == model_id:
            return model
    raise not_found(model_id)


def named_policy(services: Services, caller: Caller, model: str) -> str | None:
    """The policy that was asked for by name; None for whoever is current.

    Raises ApiError 404 for what does not exist or may not be asked by this caller.
    """
    loaded = services.generator.policy_id
    if model == ALIAS:
        return None
    if model == loaded:
        return model
    with services.store.read() as session:
        known = session.get(PolicyVersion, model)
    if known is None:
        raise not_found(model)
    if not _may_ask(services, caller, known):
        message = f"{model} does not answer you now; ask for '{ALIAS}', which is {loaded}."
        raise ApiError(404, message, BAD_REQUEST, "model", "model_not_found")
    return model


def _may_ask(services: Services, caller: Caller, version: PolicyVersion) -> bool:
    """Labelers and operators ask any policy; others what the gate passed, where that is set."""
    if caller.user.role in (Role.LABELER, Role.OPERATOR):
        return True
    everyone = services.settings.policy_choice == "everyone"
    return everyone and version.state in (PolicyState.CURRENT, PolicyState.RETIRED)


def not_found(model: str) -> ApiError:
    """OpenAI's words for it."""
    message = f"The model '{model[:100]}' does not exist; GET /v1/models lists those that do."
    return ApiError(404, message, BAD_REQUEST, "model", "model_not_found")


def _models(services: Services, caller: Caller) -> list[Model]:
    generator = services.generator
    loaded = generator.policy_id
    with services.store.read() as session:
        versions = deployment.versions(session)
    models = [
        _model(each.id, each, each.id == loaded or _may_ask(services, caller, each), generator)
        for each in versions
    ]
    return [_model(ALIAS, each, True, generator) for each in versions if each.id == loaded] + models


def _model(name: str, version: PolicyVersion, available: bool, generator: Generator) -> Model:
    measured = generator.divergence if version.id == generator.policy_id else None
    return Model(
        id=name,
        created=int(version.created_at),
        policy_id=version.id,
        state=version.state,
        available=available,
        divergence=ModelDivergence(**vars(measured)) if measured else None,
    )
