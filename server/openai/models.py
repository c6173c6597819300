"""Model names: the alias of the current policy, policy versions, and who may use which."""

from server.http.auth import Caller
from server.http.errors import ApiError
from server.services import Services
from tutelage.people import teams
from tutelage.tables import PolicyState, PolicyVersion, Role

ALIAS = "tutelage"


def named_policy(services: Services, caller: Caller, model: str) -> str | None:
    """The policy that a request names; None for the alias of the current one.

    Raises ApiError 404 for a model that does not exist or that this caller may not use.
    """
    loaded = services.generator.policy_id
    if model == ALIAS:
        return None
    if model == loaded:
        return model
    with services.store.read() as session:
        known = session.get(PolicyVersion, model)
    if known is None:
        raise model_not_found(model, None)
    if not may_use(services, caller, known):
        message = f"You may not use {model}; use '{ALIAS}', which is {loaded} now."
        raise ApiError(404, message, code="model_not_found")
    return model


def may_use(services: Services, caller: Caller, version: PolicyVersion) -> bool:
    """Labelers and operators use any policy; others, where set, those that passed the gate.

    A policy of a team is for its members: what it says may rest on what they said.
    """
    if version.team_id:
        with services.store.read() as session:
            if teams.of_person(session, caller.user.id) != version.team_id:
                return False
    if caller.user.role in (Role.LABELER, Role.OPERATOR):
        return True
    everyone = services.settings.policy_choice == "everyone"
    return everyone and version.state in (PolicyState.CURRENT, PolicyState.RETIRED)


def model_not_found(model: str, param: str | None = "model") -> ApiError:
    """The error that OpenAI's clients expect; ``param`` is null where a body names the model."""
    message = f"The model '{model[:100]}' does not exist; GET /v1/models lists those that do."
    return ApiError(404, message, param=param, code="model_not_found")
