"""Fixtures: a service with a promoted policy."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from chat_service import ChatService, new_services, promote, publish, serve

from tutelage.composition import Core, open_core
from tutelage.settings import Settings


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    """A data folder in which policy-0000 is current."""
    core = open_core(Settings(data=tmp_path / "data", rate_limit=0))
    publish(core, "policy-0000")
    promote(core, "policy-0000")
    yield core
    core.store.close()


@pytest.fixture
def service(core: Core) -> Iterator[ChatService]:
    """The service, without a network."""
    with serve(new_services(core), core) as service:
        yield service
