"""Fixtures: a service with a promoted policy."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from chat_service import ChatService, new_services, promote, publish, serve

from tutelage.composition import Core, open_core
from tutelage.settings import Settings


def new_core(data: Path) -> Core:
    """A data folder in which policy-0000 is current."""
    core = open_core(Settings(data=data, rate_limit=0))
    publish(core, "policy-0000")
    promote(core, "policy-0000")
    return core


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    """A data folder of the test's own."""
    core = new_core(tmp_path / "data")
    yield core
    core.store.close()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatService]:
    """One service for all tests that do not mind what others left in it."""
    core = new_core(tmp_path_factory.mktemp("shared"))
    with serve(new_services(core), core) as service:
        yield service


@pytest.fixture
def service(core: Core) -> Iterator[ChatService]:
    """The service, without a network."""
    with serve(new_services(core), core) as service:
        yield service
