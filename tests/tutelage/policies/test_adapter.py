"""A policy that is a base and an adapter says what the merged one does, here and in PEFT."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from training.model.tiny import write_tiny_policy
from tutelage.composition import open_core
from tutelage.errors import Conflict, Unavailable
from tutelage.installation import backup
from tutelage.maintenance import retention
from tutelage.policies import deployment, signing
from tutelage.policies.adapter import (
    LowRank,
    PolicyAdapter,
    adapter_of,
    limited,
    stacked,
    write_adapter,
)
from tutelage.policies.export import export_folder, export_gguf
from tutelage.policies.library import PolicyLibrary, base_of, copy_policy, weights_sha256
from tutelage.policies.model_check import check_model
from tutelage.policies.parity import load_whole
from tutelage.policies.weights import PolicyWeights
from tutelage.settings import Settings

IDS = torch.tensor([[1, 40, 41, 42, 43, 44]])
MODULES = ("model.layers.2.self_attn.q_proj", "model.layers.3.mlp.down_proj")


def update(out: int, into: int, rank: int, seed: int = 0) -> LowRank:
    generator = torch.Generator().manual_seed(seed)
    b, a = (torch.randn(shape, generator=generator) for shape in ((out, rank), (rank, into)))
    return LowRank(0.1 * b, a)


def updates(rank: int, seed: int = 0) -> dict[str, LowRank]:
    return {
        MODULES[0]: update(32, 32, rank, seed),
        MODULES[1]: update(32, 64, rank, seed + 1),
    }


@pytest.fixture
def library(tmp_path: Path) -> PolicyLibrary:
    library = PolicyLibrary(tmp_path / "policies")
    publish(library)
    return library


def publish(library: PolicyLibrary) -> None:
    """policy-0000, and policy-0001 as an adapter over it."""
    library.publish("policy-0000", write_tiny_policy, {})
    base = library.path("policy-0000")

    def build(directory: Path) -> None:
        shutil.copytree(
            base,
            directory,
            dirs_exist_ok=True,
            ignore=shutil.ignore_patterns("*.safetensors", "manifest.json"),
        )
        write_adapter(directory, PolicyAdapter(base, updates(3)))

    library.publish("policy-0001", build, {"parent": "policy-0000"})


def logprobs(model: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model(IDS).logits.log_softmax(-1)
    return found


def test_peft_reads_it_and_says_the_same(library: PolicyLibrary) -> None:
    base, path = library.path("policy-0000"), library.path("policy-0001")
    plain = AutoModelForCausalLM.from_pretrained(base)
    before = logprobs(plain)
    peft = PeftModel.from_pretrained(plain, path)
    assert (logprobs(peft) - before).abs().max() > 0.01
    torch.testing.assert_close(
        logprobs(peft), logprobs(load_whole(path, "float32")), atol=1e-5, rtol=1e-5
    )


def test_exported_it_is_one_folder_for_transformers(library: PolicyLibrary, tmp_path: Path) -> None:
    path = library.path("policy-0001")
    export_folder(path, tmp_path / "merged")
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "merged")
    assert torch.equal(logprobs(merged), logprobs(load_whole(path, "float32")))
    assert base_of(tmp_path / "merged") is None


def test_exported_as_gguf_it_is_merged(library: PolicyLibrary, tmp_path: Path) -> None:
    path = library.path("policy-0001")
    export_gguf(path, tmp_path / "taught.gguf", "taught")
    read = AutoModelForCausalLM.from_pretrained(tmp_path, gguf_file="taught.gguf")
    merged, base = (load_whole(p, "float32") for p in (path, library.path("policy-0000")))
    assert (logprobs(merged) - logprobs(base)).abs().max() > 0.2
    torch.testing.assert_close(logprobs(read), logprobs(merged), atol=0.05, rtol=0)  # 16 bits


def test_a_signature_over_an_adapter_covers_its_base(tmp_path: Path) -> None:
    pytest.importorskip("model_signing")
    core = open_core(Settings(data=tmp_path / "data"))
    publish(core.library)
    private, public = tmp_path / "key.pem", tmp_path / "public.pem"
    for command in (
        ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(private)],
        ["ec", "-in", str(private), "-pubout", "-out", str(public)],
    ):
        subprocess.run(["openssl", *command], check=True, capture_output=True)
    signing.sign(core, "policy-0001", private)
    assert signing.check(core, "policy-0001", public) is None
    (core.library.path("policy-0000") / "model.safetensors").write_bytes(b"rot")
    assert "model.safetensors has changed" in str(signing.check(core, "policy-0001", public))
    core.store.close()


def test_the_update_of_a_base_of_16_bits_is_kept_in_32(
    library: PolicyLibrary, tmp_path: Path
) -> None:
    base = library.path("policy-0000")
    load_whole(base, "bfloat16").save_pretrained(base)
    small = {MODULES[0]: LowRank(torch.full((32, 1), 2.0**-12), torch.ones(1, 32))}
    library.path("policy-0001").joinpath("adapter_model.safetensors").unlink()
    write_adapter(library.path("policy-0001"), PolicyAdapter(base, small))
    name = f"{MODULES[0]}.weight"
    found = PolicyWeights(library.path("policy-0001")).read(name)
    before = PolicyWeights(base).read(name).float()
    torch.testing.assert_close(found - before, torch.full((32, 32), 2.0**-12), atol=1e-7, rtol=0)
    export_folder(library.path("policy-0001"), tmp_path / "merged")
    assert torch.equal(PolicyWeights(tmp_path / "merged").read(name), found)


def test_two_updates_are_added_exactly_up_to_rounding() -> None:
    first, second = updates(2), updates(3, seed=7)
    both = stacked(first, second)
    for name in MODULES:
        assert both[name].rank == 5
        torch.testing.assert_close(
            both[name].b @ both[name].a,
            first[name].b @ first[name].a + second[name].b @ second[name].a,
            atol=1e-6,
            rtol=1e-5,
        )


def test_an_update_that_adds_nothing_takes_no_ranks() -> None:
    nothing = {name: LowRank(torch.zeros_like(u.b), u.a) for name, u in updates(4).items()}
    assert {u.rank for u in stacked(updates(2), nothing).values()} == {2}
    assert {u.rank for u in stacked({}, nothing).values()} == {4}  # a policy that stays as it is


def test_the_limit_of_ranks_is_exact_where_the_product_has_no_more() -> None:
    once = update(40, 60, 8)
    again = LowRank(torch.cat([once.b, once.b @ torch.randn(8, 8)], 1), once.a.repeat(2, 1))
    torch.testing.assert_close(
        limited(again, 8).b @ limited(again, 8).a, again.b @ again.a, atol=1e-5, rtol=1e-4
    )


def test_beyond_the_limit_it_is_the_nearest_of_that_rank() -> None:
    wide = update(40, 60, 20)
    found = limited(wide, 8)
    whole = wide.b @ wide.a
    left_out = torch.linalg.svdvals(whole)[8:]
    off = found.b @ found.a - whole
    assert found.rank == 8
    assert float(off.norm()) == pytest.approx(float(left_out.norm()), rel=1e-4)
    assert float(torch.linalg.matrix_norm(off, 2)) == pytest.approx(float(left_out[0]), rel=1e-4)


def test_the_manifest_covers_the_base_and_the_adapter(library: PolicyLibrary) -> None:
    manifest = library.manifest("policy-0001")
    assert manifest["base"] == "policy-0000"
    assert manifest["base_sha256"] == library.manifest_sha256("policy-0000")
    assert {"adapter_config.json", "adapter_model.safetensors"} <= manifest["files"].keys()
    assert library.verify("policy-0001") == []
    (library.path("policy-0000") / "model.safetensors").write_bytes(b"rot")
    assert library.verify("policy-0001") == [
        "Its base policy-0000: model.safetensors has changed since it was published."
    ]


def test_a_missing_base_is_a_sentence_with_the_way_out(library: PolicyLibrary) -> None:
    shutil.rmtree(library.path("policy-0000"))
    assert library.verify("policy-0001") == [
        "Its base policy-0000 is missing; restore it from a backup."
    ]
    with pytest.raises(Unavailable, match=r"no weights of its base .* Restore them from a backup"):
        load_whole(library.path("policy-0001"), "float32")


def test_another_base_is_refused_also_without_a_check_of_digests(library: PolicyLibrary) -> None:
    shutil.rmtree(library.path("policy-0000"))
    library.publish("policy-0000", lambda path: write_tiny_policy(path, seed=1), {"source": "b"})
    assert library.verify("policy-0001") == [
        "Its base policy-0000 is not the one that it was trained on."
    ]
    with pytest.raises(Unavailable, match="another base"):
        adapter_of(library.path("policy-0001"))


@pytest.mark.parametrize("name", ["model.layers.2.self_attn.k_proj", "model.layers.9.mlp.up_proj"])
def test_an_adapter_that_does_not_fit_its_base_is_refused(
    name: str, library: PolicyLibrary
) -> None:
    path, base = library.path("policy-0001"), library.path("policy-0000")
    write_adapter(path, PolicyAdapter(base, {name: update(32, 32, 2)}))
    with pytest.raises(Unavailable, match="does not fit its base"):
        load_whole(path, "float32")


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_a_damaged_configuration_is_a_sentence(text: str, library: PolicyLibrary) -> None:
    (library.path("policy-0001") / "adapter_config.json").write_text(text)
    with pytest.raises(Unavailable, match=r"names no base.*backup"):
        base_of(library.path("policy-0001"))


def test_the_weights_of_a_base_are_not_deleted_under_its_adapters(library: PolicyLibrary) -> None:
    with pytest.raises(Conflict, match="the base of policy-0001"):
        library.delete_weights("policy-0000")
    library.delete_weights("policy-0001")
    library.delete_weights("policy-0000")
    assert library.verify("policy-0000") == library.verify("policy-0001") == []


def test_the_check_of_models_reads_an_adapter_with_its_base(library: PolicyLibrary) -> None:
    path = library.path("policy-0001")
    found = check_model(str(path))
    assert found.problems == []
    assert found.rows["adapter"].startswith("rank 3, ")
    assert found.rows["size"] == check_model(str(library.path("policy-0000"))).rows["size"]
    whole = (path / "adapter_model.safetensors").read_bytes()
    (path / "adapter_model.safetensors").write_bytes(whole[:-8])
    assert "adapter_model.safetensors is truncated" in check_model(str(path)).problems[0]
    shutil.rmtree(library.path("policy-0000"))
    assert "no weights of its base" in check_model(str(path)).problems[0]


def test_what_is_in_use_keeps_its_base_from_retention(tmp_path: Path) -> None:
    core = open_core(Settings(data=tmp_path))
    publish(core.library)
    with core.store.write() as session:
        for policy_id in core.library.ids():
            deployment.register(session, policy_id, core.library.manifest_sha256(policy_id))
        deployment.promote(session, "policy-0001", "ada")
    assert retention.sweep(core, keep=0) == []
    core.store.close()


def test_a_backup_brings_adapter_and_base(tmp_path: Path) -> None:
    core = open_core(Settings(data=tmp_path / "data"))
    publish(core.library)
    core.store.close()
    backup.write(Settings(data=tmp_path / "data"), tmp_path / "out.tar")
    backup.restore(tmp_path / "out.tar", tmp_path / "again")
    restored = PolicyLibrary(tmp_path / "again" / "policies")
    assert restored.verify("policy-0001") == []
    base = base_of(restored.path("policy-0001"))
    assert base is not None and base.samefile(restored.path("policy-0000"))


def test_a_copy_elsewhere_finds_the_same_base(library: PolicyLibrary, tmp_path: Path) -> None:
    source, target = library.path("policy-0001"), tmp_path / "deep" / "down" / "copy"
    target.mkdir(parents=True)
    copy_policy(source, target)
    base = base_of(target)
    assert base is not None and base.samefile(library.path("policy-0000"))
    where = json.loads((source / "adapter_config.json").read_text())["base_model_name_or_path"]
    assert where == "../policy-0000"  # so that the data folder can be moved
    assert weights_sha256(target) == weights_sha256(source) != weights_sha256(base)


def test_an_adapter_over_a_model_that_is_no_policy_is_not_published(
    library: PolicyLibrary, tmp_path: Path
) -> None:
    write_tiny_policy(tmp_path / "elsewhere")

    def build(directory: Path) -> None:
        write_adapter(directory, PolicyAdapter(tmp_path / "elsewhere", updates(2)))

    with pytest.raises(Conflict, match="is not a policy in"):
        library.publish("policy-0002", build, {})
    assert library.ids() == ["policy-0000", "policy-0001"]
