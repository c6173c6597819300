"""Fixtures: a service with a promoted policy."""

import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from chat_service import ChatService, keys, new_services, promote, publish, serve

from server.generators.echo import EchoGenerator
from tutelage.composition import Core, open_core
from tutelage.policies.library import PolicyLibrary
from tutelage.settings import Settings
from tutelage.store import Store


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in which policy-0000 is current and three people have keys; only copied."""
    core = open_core(Settings(data=tmp_path_factory.mktemp("template") / "data"))
    publish(core, "policy-0000")
    promote(core, "policy-0000")
    keys(core)
    core.store.close()
    return core.settings.data


def copy(template: Path, data: Path) -> Core:
    """A data folder of one's own."""
    shutil.copytree(template, data)
    settings = Settings(data=data, rate_limit=0)
    return Core(settings, Store(settings.url), PolicyLibrary(data / "policies"))


@pytest.fixture
def core(template: Path, tmp_path: Path) -> Iterator[Core]:
    """A data folder of the test's own."""
    core = copy(template, tmp_path / "data")
    yield core
    core.store.close()


@pytest.fixture(scope="session")
def shared(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatService]:
    """One service for all tests that do not mind what others left in it."""
    core = copy(template, tmp_path_factory.mktemp("shared") / "data")
    with serve(new_services(core), core) as service:
        yield service


@pytest.fixture(scope="module")
def module_service(
    template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ChatService]:
    """One service for all tests of a module, which may do to it whatever they like."""
    core = copy(template, tmp_path_factory.mktemp("module") / "data")
    numbers = count()
    generator = EchoGenerator(lambda messages: f"Answer {next(numbers)}", policy_id=None)
    with serve(new_services(core, generator), core) as service:
        yield service


@pytest.fixture
def service(core: Core) -> Iterator[ChatService]:
    """The service, without a network."""
    with serve(new_services(core), core) as service:
        yield service
