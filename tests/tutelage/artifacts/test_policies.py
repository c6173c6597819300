"""Two machines with nothing in common but the object storage see the same policies."""

import json
from pathlib import Path

import pytest

from tutelage.artifacts.object_storage import ObjectStorage
from tutelage.artifacts.policies import SharedPolicyLibrary
from tutelage.errors import Conflict, Unavailable
from tutelage.policies.library import PolicyLibrary, point_to_base

BASE, ADAPTER = "policy-0000", "policy-0001"


def fill(path: Path) -> None:
    (path / "model.safetensors").write_bytes(b"weights")
    (path / "card.md").write_text("# card\n")


def adapt(base: Path, path: Path) -> None:
    point_to_base(path, base, {})
    (path / "adapter.safetensors").write_bytes(b"adapter")


@pytest.fixture
def here(artifacts: str, tmp_path: Path) -> SharedPolicyLibrary:
    library = SharedPolicyLibrary(tmp_path / "here" / "policies", ObjectStorage(artifacts))
    library.publish(BASE, fill, {"parent": None})
    return library


@pytest.fixture
def there(artifacts: str, tmp_path: Path) -> SharedPolicyLibrary:
    return SharedPolicyLibrary(tmp_path / "there" / "policies", ObjectStorage(artifacts))


def test_a_policy_comes_with_its_base(
    here: SharedPolicyLibrary, there: SharedPolicyLibrary
) -> None:
    here.publish(ADAPTER, lambda path: adapt(here.path(BASE), path), {"parent": BASE})
    assert there.ids() == [BASE, ADAPTER] and there.base(ADAPTER) == BASE
    assert there.read(BASE, "card.md") == b"# card\n"
    assert there.verify(ADAPTER) == [] and not there.root.exists()  # nothing was downloaded
    assert (there.path(ADAPTER) / "adapter.safetensors").read_bytes() == b"adapter"
    assert (there.root / BASE / "model.safetensors").read_bytes() == b"weights"
    assert there.verify(ADAPTER) == [] and there.adapters_over(BASE) == [ADAPTER]
    assert there.manifest_sha256(ADAPTER) == here.manifest_sha256(ADAPTER)


def test_of_two_publications_of_one_id_one_succeeds(
    here: SharedPolicyLibrary, there: SharedPolicyLibrary
) -> None:
    def meanwhile(path: Path) -> None:
        fill(path)
        there.publish(ADAPTER, lambda other: (other / "card.md").write_text("first") and None, {})

    with pytest.raises(Conflict):
        here.publish(ADAPTER, meanwhile, {})
    assert (here.path(ADAPTER) / "card.md").read_text() == "first"
    with pytest.raises(Conflict, match="never changes"):
        here.publish(ADAPTER, fill, {})


def test_a_copy_that_was_damaged_on_the_way_is_not_there(
    here: SharedPolicyLibrary, there: SharedPolicyLibrary
) -> None:
    (key,) = (k for k in here._storage._sizes(f"policies/{BASE}") if k.startswith("model"))
    here._storage.write(f"files/policies/{BASE}/{key}", b"wrong")
    with pytest.raises(Unavailable, match=r"model\.safetensors of policies/policy-0000"):
        there.path(BASE)
    assert not (there.root / BASE).exists()


def test_a_missing_object_is_named_without_a_download(
    here: SharedPolicyLibrary, there: SharedPolicyLibrary
) -> None:
    (key,) = (k for k in here._storage._sizes(f"policies/{BASE}") if k.startswith("model"))
    here._storage._files.rm_file(here._storage._at(f"files/policies/{BASE}/{key}"))
    assert there.verify(BASE) == ["model.safetensors is missing."]


def test_deleted_weights_go_from_every_machine(
    here: SharedPolicyLibrary, there: SharedPolicyLibrary, tmp_path: Path
) -> None:
    there.path(BASE)
    here.delete_weights(BASE)
    assert not there.has_weights(BASE) and there.verify(BASE) == []
    assert not (there.root / BASE / "model.safetensors").exists()
    third = SharedPolicyLibrary(tmp_path / "third", here._storage)
    assert third.verify(BASE) == [] and not third.has_weights(BASE)
    assert sorted(path.name for path in third.path(BASE).iterdir()) == [
        ".weights-removed", "card.md", "manifest.json",
    ]  # fmt: skip


def test_weights_under_an_adapter_of_another_machine_stay(
    here: SharedPolicyLibrary, there: SharedPolicyLibrary
) -> None:
    there.publish(ADAPTER, lambda path: adapt(there.path(BASE), path), {})
    for attempt in (here.delete_weights, here.delete):
        with pytest.raises(Conflict, match=ADAPTER):
            attempt(BASE)


def test_a_deleted_policy_goes_from_every_machine(
    here: SharedPolicyLibrary, there: SharedPolicyLibrary
) -> None:
    assert there.path(BASE) and there.read(BASE, "card.md")
    here.delete(BASE)
    assert there.ids() == [] and not (there.root / BASE).exists()
    assert there.next_id() == here.next_id() == ADAPTER
    assert here._storage._sizes(f"policies/{BASE}") == {}


def test_a_copy_is_served_while_the_storage_is_away(
    here: SharedPolicyLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.publish(ADAPTER, lambda path: adapt(here.path(BASE), path), {})
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")

    def away(_name: str) -> None:
        raise Unavailable("away")

    monkeypatch.setattr(here._storage, "contents", away)
    assert here.path(ADAPTER).is_dir() and here.verify(ADAPTER) == []
    here.require_weights(ADAPTER)


def test_a_folder_from_before_is_uploaded(artifacts: str, tmp_path: Path) -> None:
    before = PolicyLibrary(tmp_path / "before")
    before.publish(BASE, fill, {})
    before.publish(ADAPTER, lambda path: adapt(before.path(BASE), path), {})
    before.delete_weights(ADAPTER)
    now = SharedPolicyLibrary(before.root, ObjectStorage(artifacts))
    assert now.only_here() == [BASE, ADAPTER] == now.ids()
    for policy_id in now.only_here():
        now.upload(policy_id)
    assert now.only_here() == []
    there = SharedPolicyLibrary(tmp_path / "there", ObjectStorage(artifacts))
    assert there.has_weights(BASE) and not there.has_weights(ADAPTER)
    assert [there.verify(policy_id) for policy_id in there.ids()] == [[], []]
    assert json.loads((there.path(ADAPTER) / "manifest.json").read_text())["base"] == BASE
