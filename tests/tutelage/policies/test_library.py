"""Policy directories are published whole, checked, and never changed."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tutelage.artifacts.object_storage import ObjectStorage
from tutelage.artifacts.policies import SharedPolicyLibrary
from tutelage.errors import Conflict, NotFound, Unavailable
from tutelage.policies.library import PolicyLibrary


def fill(path: Path) -> None:
    (path / "model.safetensors").write_bytes(b"weights")
    (path / "card.md").write_text("# card\n")


@pytest.fixture(params=["local", "shared"])
def library(request: pytest.FixtureRequest, tmp_path: Path) -> PolicyLibrary:
    """Both kinds of library do the same."""
    library = PolicyLibrary(tmp_path / "policies")
    if request.param == "shared":
        storage = ObjectStorage(request.getfixturevalue("artifacts"))
        library = SharedPolicyLibrary(tmp_path / "policies", storage)
    library.publish("policy-0000", fill, {"parent": None})
    return library


def test_a_publication_is_listed_and_intact(library: PolicyLibrary) -> None:
    assert library.ids() == ["policy-0000"]
    assert library.verify("policy-0000") == []
    assert library.next_id() == "policy-0001"


def test_the_manifest_holds_digests_and_lineage(library: PolicyLibrary) -> None:
    manifest = library.manifest("policy-0000")
    assert manifest["parent"] is None
    assert set(manifest["files"]) == {"model.safetensors", "card.md"}


def test_changed_missing_and_extra_files_are_named(library: PolicyLibrary) -> None:
    path = library.path("policy-0000")
    (path / "model.safetensors").write_bytes(b"other")
    (path / "card.md").unlink()
    (path / "new").touch()
    assert library.verify("policy-0000") == [
        "card.md is missing.",
        "model.safetensors has changed since it was published.",
        "new is not in the manifest.",
    ]


def test_a_corrupt_manifest_is_named(library: PolicyLibrary) -> None:
    (library.path("policy-0000") / "manifest.json").write_text("{")
    assert "manifest cannot be read" in library.verify("policy-0000")[0]


def test_a_policy_never_changes(library: PolicyLibrary) -> None:
    with pytest.raises(Conflict):
        library.publish("policy-0000", fill, {})


def test_a_failing_build_publishes_nothing(library: PolicyLibrary) -> None:
    def full_disk(path: Path) -> None:
        fill(path)
        raise OSError(28, "No space left on device")

    with pytest.raises(Unavailable, match="nothing was published"):
        library.publish("policy-0001", full_disk, {})
    assert library.ids() == ["policy-0000"]
    assert [entry.name for entry in library.root.iterdir()] == ["policy-0000"]


@pytest.mark.parametrize("policy_id", ["../../etc", "policy-1", "", "policy-9999"])
def test_unknown_ids_are_not_found(library: PolicyLibrary, policy_id: str) -> None:
    with pytest.raises(NotFound):
        library.path(policy_id)


def test_deleted_weights_leave_the_papers(library: PolicyLibrary) -> None:
    library.delete_weights("policy-0000")
    assert not library.has_weights("policy-0000") and library.verify("policy-0000") == []
    assert (library.path("policy-0000") / "card.md").read_text() == "# card\n"
    with pytest.raises(Conflict, match="policies reproduce policy-0000"):
        library.require_weights("policy-0000")


def test_a_deleted_policy_is_gone_and_its_id_stays_taken(library: PolicyLibrary) -> None:
    library.delete("policy-0000")
    library.delete("policy-0000")
    assert library.ids() == [] and library.next_id() == "policy-0001"
    with pytest.raises(NotFound):
        library.path("policy-0000")


PUBLISHER = """
import sys
from pathlib import Path
from tutelage.policies.library import PolicyLibrary
library = PolicyLibrary(Path(sys.argv[1]))
def build(path):
    for number in range(20):
        (path / str(number)).write_bytes(b"x" * 100_000)
print("ready", flush=True)
while True:
    library.publish(library.next_id(), build, {})
"""


def test_kill_9_never_leaves_half_a_policy(tmp_path: Path) -> None:
    library = PolicyLibrary(tmp_path)
    for attempt in range(5):
        publisher = subprocess.Popen(
            [sys.executable, "-c", PUBLISHER, str(tmp_path)],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[3],
        )
        assert publisher.stdout is not None
        publisher.stdout.readline()
        time.sleep(0.05 + attempt * 0.013)
        publisher.send_signal(signal.SIGKILL)
        publisher.wait()
    assert all(library.verify(policy_id) == [] for policy_id in library.ids())
