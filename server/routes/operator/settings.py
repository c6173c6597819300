"""/v1/operator/settings: the deployment settings in force, and those that operators save."""

import os
from typing import Any

from fastapi import APIRouter
from pydantic import SecretStr

from server.app_state import AppState
from server.dependencies import OperatorDep, ServicesDep, StateDep
from server.schemas.operator.settings import SettingChange, SettingItem, Source
from server.schemas.text import Name, Page
from tutelage.installation import saved_settings
from tutelage.installation.saved_settings import EDITABLE, LIVE
from tutelage.settings import Settings
from tutelage.tables import SavedSetting

router = APIRouter(prefix="/v1/operator/settings", tags=["operator"])

_KINDS = {"boolean": "switch", "integer": "number", "number": "number"}


@router.get("")
def list_settings(_operator: OperatorDep, services: ServicesDep) -> Page[SettingItem]:
    """The active settings and the source of each."""
    with services.store.read() as session:
        saved = saved_settings.saved(session)
    return Page(data=_items(services.settings, saved))


@router.put("/{name}")
def save_setting(
    name: Name, body: SettingChange, operator: OperatorDep, state: StateDep
) -> SettingItem:
    """Save a setting for all processes: at once where it is `live`, else after a restart."""
    settings = state.services.settings
    with state.services.store.write() as session:
        saved_settings.save(session, settings, name, body.value, operator.user.id)
    return _one(state, name)


@router.delete("/{name}")
def reset_setting(name: Name, operator: OperatorDep, state: StateDep) -> SettingItem:
    """Return to the value that holds without a saved one."""
    with state.services.store.write() as session:
        saved_settings.reset(session, name, operator.user.id)
    return _one(state, name)


def _one(state: AppState, name: str) -> SettingItem:
    """The setting after a change, which this process takes over at once."""
    state.refresh_settings()
    with state.services.store.read() as session:
        saved = saved_settings.saved(session)
    return next(item for item in _items(state.services.settings, saved) if item.name == name)


def _items(settings: Settings, saved: dict[str, SavedSetting]) -> list[SettingItem]:
    environment = Settings()
    schema = Settings.model_json_schema()["properties"]
    return [
        _item(settings, environment, name, saved.get(name), schema[name])
        for name in Settings.model_fields
    ]


def _item(
    settings: Settings,
    environment: Settings,
    name: str,
    row: SavedSetting | None,
    schema: dict[str, Any],
) -> SettingItem:
    field, value = Settings.model_fields[name], getattr(settings, name)
    locked = name in settings.model_fields_set
    wanted = row.value if row else field.default
    return SettingItem(
        name=name,
        value=_shown(value),
        default=_shown(field.default),
        source=_given_by(settings, environment, name) if locked else _kept_by(value, row, name),
        about=field.description or "",
        editable=name in EDITABLE,
        locked=locked,
        live=name in LIVE,
        saved=row.value if row else None,
        pending=name in EDITABLE and not locked and wanted != value,
        kind="choice" if "enum" in schema else _KINDS.get(schema.get("type", ""), "text"),
        minimum=schema.get("minimum"),
        maximum=schema.get("maximum"),
        choices=schema.get("enum", []),
    )


def _given_by(settings: Settings, environment: Settings, name: str) -> Source:
    """What gave the setting to this process; the command line overrides the environment."""
    told = name in environment.model_fields_set
    if not told or getattr(environment, name) != getattr(settings, name):
        return "command line"
    variables = {variable.upper() for variable in os.environ}
    return "environment" if f"TUTELAGE_{name.upper()}" in variables else "file"


def _kept_by(value: Any, row: SavedSetting | None, name: str) -> Source:
    if row and row.value == value:
        return "saved"
    return "default" if value == Settings.model_fields[name].default else "saved"


def _shown(value: object) -> object:
    if isinstance(value, SecretStr):
        return "set" if value.get_secret_value() else ""
    if value is None:
        return None
    text = str(value)
    if "://" in text and "@" in text:  # a database URL with its password
        return text.split("://")[0] + "://…@" + text.rsplit("@", 1)[1]
    return value if isinstance(value, bool | int | float) else text
