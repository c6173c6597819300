"""Settings that operators save: above the defaults, below what a process is given at its start.

Each process follows the store, so that a saved setting needs no restart where it is ``LIVE``.
"""

from typing import Any

from pydantic import ValidationError
from sqlmodel import Session, col, select

from tutelage import audit
from tutelage.errors import Conflict, Invalid, NotFound
from tutelage.settings import Settings
from tutelage.store import Store
from tutelage.tables import SavedSetting

EVERY = 2.0  # seconds between two looks of a process
LIVE = (
    "guests", "sign_up", "policy_choice", "quotas", "rate_limit", "token_limit",
    "max_message_chars", "max_response_tokens", "temperature", "top_p", "frequency_penalty",
    "loop_tokens", "starters", "labeling_gold", "labeling_order", "injection_warning",
    "cors_origins", "oidc_name",
)  # fmt: skip
AFTER_RESTART = (
    "max_body_bytes",
    "max_queue",
    "max_batch",
    "policies_in_memory",
    "cache_tokens",
    "stop_seconds",
)
EDITABLE = LIVE + AFTER_RESTART


def saved(session: Session) -> dict[str, SavedSetting]:
    """What operators saved, by name."""
    rows = session.exec(select(SavedSetting).order_by(col(SavedSetting.seq)))
    return {row.name: row for row in rows}


def save(session: Session, settings: Settings, name: str, value: Any, author_id: str) -> None:
    """Save one setting for all processes. A text is read as an environment variable is.

    Raises NotFound for an unknown name, Invalid for a value out of bounds, Conflict for a setting
    that is given to the process.
    """
    _require_free(settings, name)
    found = checked(name, value)
    row = session.get(SavedSetting, name)
    before = row.value if row else None
    if row is None:
        row = SavedSetting(name=name, value=found, author_id=author_id)
    row.sqlmodel_update({"value": found, "author_id": author_id, "seq": 0})
    session.add(row)
    audit.record(session, author_id, "settings.save", name, value=found, before=before)


def reset(session: Session, name: str, author_id: str) -> None:
    """Forget what was saved. Raises NotFound where nothing is."""
    row = session.get(SavedSetting, name)
    if row is None:
        raise NotFound(f"The setting {name!r} is not saved here.", "name")
    session.delete(row)
    audit.record(session, author_id, "settings.reset", name, before=row.value)


def checked(name: str, value: Any) -> Any:
    """The value as the setting has it. Raises Invalid with the bound that it breaks."""
    try:
        settings = Settings.model_construct()
        setattr(settings, name, value)
    except ValidationError as error:
        message = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise Invalid(f"{name} = {str(value)[:100]}: {message}.", "value") from None
    return getattr(settings, name)


def problems(session: Session) -> list[str]:
    """Saved settings that this version does not take, a sentence each; their defaults hold."""
    found = []
    for name, row in saved(session).items():
        try:
            _require_known(name)
            checked(name, row.value)
        except (Invalid, NotFound) as error:
            found.append(error.message)
    return found


def apply(settings: Settings, store: Store, names: tuple[str, ...] = LIVE) -> None:
    """Bring those of ``names`` that this process was not given to what is saved, or the default."""
    with store.read() as session:
        rows = saved(session)
    for name in names:
        if name in settings.model_fields_set:
            continue
        value = _in_force(rows.get(name), name)
        if getattr(settings, name) != value:
            setattr(settings, name, value)
            settings.model_fields_set.discard(name)  # it holds what the process was given


def _in_force(row: SavedSetting | None, name: str) -> Any:
    default = Settings.model_fields[name].default
    try:
        return checked(name, row.value) if row else default
    except Invalid:
        return default


def _require_known(name: str) -> None:
    if name not in Settings.model_fields:
        raise NotFound(f"There is no setting {name!r}.", "name")
    if name not in EDITABLE:
        raise NotFound(
            f"{name!r} is set with TUTELAGE_{name.upper()} at the start, not here.", "name"
        )


def _require_free(settings: Settings, name: str) -> None:
    _require_known(name)
    if name in settings.model_fields_set:
        raise Conflict(
            f"TUTELAGE_{name.upper()} is set where the service starts, and comes first. Remove it "
            "there to change the setting here.",
            "name",
        )
