"""/v1/system-prompts: named system prompts, one's own and those that operators offer."""

from fastapi import APIRouter

from server.app_state import AppState
from server.chat import taught
from server.dependencies import CallerDep, OperatorDep, ServicesDep, StateDep
from server.http.auth import Caller
from server.schemas.conversations import SystemPromptItem, SystemPromptRequest
from server.schemas.text import Deleted, Name, Page
from tutelage.chat import system_prompts
from tutelage.tables import SystemPrompt

router = APIRouter(tags=["conversations"])

OWN, SHARED = "/v1/system-prompts", "/v1/operator/system-prompts"


@router.get(OWN)
def list_system_prompts(caller: CallerDep, services: ServicesDep) -> Page[SystemPromptItem]:
    """The system prompts that you can choose: everyone's, then your own."""
    with services.store.read() as session:
        rows = system_prompts.offered(session, caller.user.id)
    return Page(data=[_item(row) for row in rows])


@router.post(OWN, status_code=201)
def save_system_prompt(
    body: SystemPromptRequest, caller: CallerDep, state: StateDep
) -> SystemPromptItem:
    """Save a system prompt of your own; one with the same name is replaced."""
    return _save(state, body, caller, caller.user.id)


@router.delete(f"{OWN}/{{prompt_id}}")
def delete_system_prompt(prompt_id: Name, caller: CallerDep, services: ServicesDep) -> Deleted:
    """Delete a system prompt of your own. Conversations keep their texts."""
    with services.store.write() as session:
        system_prompts.delete(session, prompt_id, caller.user.id, caller.user.id)
    return Deleted(id=prompt_id)


@router.post(SHARED, status_code=201)
def share_system_prompt(
    body: SystemPromptRequest, operator: OperatorDep, state: StateDep
) -> SystemPromptItem:
    """Offer a system prompt to everyone; one with the same name is replaced."""
    return _save(state, body, operator, None)


@router.delete(f"{SHARED}/{{prompt_id}}")
def delete_shared_system_prompt(
    prompt_id: Name, operator: OperatorDep, services: ServicesDep
) -> Deleted:
    """No longer offer a system prompt to everyone. Conversations keep their texts."""
    with services.store.write() as session:
        system_prompts.delete(session, prompt_id, None, operator.user.id)
    return Deleted(id=prompt_id)


def _save(
    state: AppState, body: SystemPromptRequest, caller: Caller, owner_id: str | None
) -> SystemPromptItem:
    for field, text in (("name", body.name), ("text", body.text)):
        taught.require_unblocked(state.services, state.metrics, text, field)
    with state.services.store.write() as session:
        row = system_prompts.save(session, owner_id, body.name, body.text, caller.user.id)
    return _item(row)


def _item(row: SystemPrompt) -> SystemPromptItem:
    return SystemPromptItem(
        id=row.id, name=row.name, text=row.text, shared=row.owner_id is None,
        created_at=row.created_at,
    )  # fmt: skip
