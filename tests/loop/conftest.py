"""A data folder in which a tiny policy was taught something, copied for each test."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from loop_folder import copied, judge, run
from opentelemetry.sdk.trace import ReadableSpan
from traced import traced

from training.model.tiny import write_tiny_policy
from tutelage.composition import Core, open_core
from tutelage.people import people
from tutelage.policies import deployment
from tutelage.settings import Settings

CONVERSATIONS = 16


@pytest.fixture(scope="session")
def tiny_policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Hugging Face folder with a random model."""
    path = tmp_path_factory.mktemp("tiny")
    write_tiny_policy(path)
    return path


@pytest.fixture(scope="session")
def taught_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder: the tiny policy is current, and people have judged its answers."""
    core = open_core(Settings(data=tmp_path_factory.mktemp("taught") / "data"))
    core.library.publish("policy-0000", write_tiny_policy, {})
    with core.store.write() as session:
        deployment.register(session, "policy-0000", core.library.manifest_sha256("policy-0000"))
        deployment.promote(session, "policy-0000", "test")
        user = people.create_user(session, "ada")
    for number in range(CONVERSATIONS):
        judge(core, user, number)
    core.store.close()
    return core.settings.data


@pytest.fixture
def core(taught_folder: Path, tmp_path: Path) -> Iterator[Core]:
    """A copy of the taught folder for one test."""
    core = copied(taught_folder, tmp_path / "data")
    yield core
    core.store.close()


@pytest.fixture(scope="session")
def traced_iteration(
    taught_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Core, Sequence[ReadableSpan]]:
    """An iteration that ran in one go, with its spans."""
    core = copied(taught_folder, tmp_path_factory.mktemp("uninterrupted") / "data")
    with traced() as spans:
        run(core)
    return core, spans.get_finished_spans()


@pytest.fixture(scope="session")
def uninterrupted(traced_iteration: tuple[Core, Sequence[ReadableSpan]]) -> Core:
    """An iteration that ran in one go."""
    return traced_iteration[0]
