"""Policies go to a hub with card and licence, and come back as candidates that are served alike."""

import base64
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import ModelCard, constants
from safetensors.torch import load
from typer.testing import CliRunner

from tutelage.cli import app
from tutelage.composition import Core, open_core
from tutelage.errors import Invalid, Unavailable
from tutelage.policies import base, deployment, hub
from tutelage.policies.adapter import LowRank, PolicyAdapter, write_adapter
from tutelage.policies.weights import PolicyWeights
from tutelage.settings import Settings
from tutelage.tables import PolicyState

COMMIT = "a" * 40
REPO = "me/assistant"


class FakeHub(ThreadingHTTPServer):
    """The calls that an upload and a download make, over one repository in memory."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), HubRequest)
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.files: dict[str, bytes] = {}
        self.created: list[dict[str, Any]] = []
        self.tokens: set[str | None] = set()


class HubRequest(BaseHTTPRequestHandler):
    server: FakeHub

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in ({"content-length": str(len(body))} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def json(self, value: Any) -> None:
        self.answer(json.dumps(value).encode(), content_type="application/json")

    def do_POST(self) -> None:
        self.server.tokens.add(self.headers.get("authorization"))
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        if self.path == "/api/repos/create":
            self.server.created.append(json.loads(body))
            self.json({"url": f"{self.server.address}/{REPO}", "name": REPO})
        elif self.path.endswith("/preupload/main"):
            asked = [each["path"] for each in json.loads(body)["files"]]
            modes = {"uploadMode": "regular", "shouldIgnore": False, "oid": None}
            self.json({"files": [{"path": path, **modes} for path in asked]})
        elif self.path == "/api/validate-yaml":
            self.json({"errors": [], "warnings": []})
        else:
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    value = line["value"]
                    self.server.files[value["path"]] = base64.b64decode(value["content"])
            self.json(
                {"commitUrl": f"{self.server.address}/{REPO}/commit/{COMMIT}", "commitOid": COMMIT}
            )

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        if path.startswith(f"/api/models/{REPO}/tree/"):
            rows = [
                {"type": "file", "path": name, "size": len(content), "oid": f"{len(content):040x}"}
                for name, content in self.server.files.items()
            ]
            self.json(rows)
        elif path.startswith(f"/api/models/{REPO}"):
            siblings = [{"rfilename": name} for name in self.server.files]
            self.json({"id": REPO, "sha": COMMIT, "siblings": siblings})
        elif found := re.fullmatch(rf"/{REPO}/resolve/\w+/(.+)", path):
            content = self.server.files[found[1]]
            etag = f'"{len(content):040x}"'
            self.answer(content, etag=etag, x_repo_commit=COMMIT)
        else:
            self.answer(b"{}", 404, x_error_code="RepoNotFound")

    do_HEAD = do_GET


@pytest.fixture
def fake_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    server = FakeHub()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    template = server.address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", server.address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    """A data folder whose base policy is a tiny model."""
    from training.model.tiny import write_tiny_policy

    core = open_core(Settings(data=tmp_path / "data"))
    core.library.publish("policy-0000", write_tiny_policy, base.lineage())
    with core.store.write() as session:
        deployment.register(session, "policy-0000", core.library.manifest_sha256("policy-0000"))
        deployment.promote(session, "policy-0000", "test")
    yield core
    core.store.close()


def test_a_policy_goes_to_a_hub_and_comes_back_as_a_candidate(
    core: Core, fake_hub: FakeHub
) -> None:
    assert hub.push(core, "policy-0000", REPO).endswith(f"/{REPO}/commit/{COMMIT}")
    (created,) = fake_hub.created
    assert (created["name"], created["visibility"]) == ("assistant", "private")
    assert fake_hub.tokens == {"Bearer hf_secret"}
    card = ModelCard(fake_hub.files["README.md"].decode())
    assert (card.data.license, card.data.library_name) == ("apache-2.0", "transformers")
    assert "manifest.json" not in fake_hub.files and "card.md" not in fake_hub.files

    where = ["--data", str(core.settings.data)]
    pulled = CliRunner().invoke(app, ["policies", "pull", REPO, *where])
    assert "policy-0001 is a candidate now" in pulled.output, pulled.exception
    manifest = core.library.manifest("policy-0001")
    assert (manifest["source"], manifest["revision"]) == (REPO, COMMIT)
    assert "license: apache-2.0" in (core.library.path("policy-0001") / "card.md").read_text()
    with core.store.read() as session:
        newest = deployment.versions(session)[0]
    assert (newest.id, newest.state) == ("policy-0001", PolicyState.CANDIDATE)
    for name in ("model.safetensors", "tokenizer.json"):
        there, here = (core.library.path(f"policy-000{n}") / name for n in (0, 1))
        assert there.read_bytes() == here.read_bytes()
    with pytest.raises(Invalid, match=f"derive from {REPO}, whose licence is not known"):
        hub.push(core, "policy-0001", REPO)


def test_an_adapter_goes_to_a_hub_merged(core: Core, fake_hub: FakeHub) -> None:
    parent = core.library.path("policy-0000")

    def build(directory: Path) -> None:
        for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
            (directory / name).write_bytes((parent / name).read_bytes())
        (directory / "card.md").write_text("# policy-0001\n")
        update = LowRank(torch.ones(32, 1), torch.ones(1, 32))
        name = "model.layers.3.self_attn.q_proj"
        write_adapter(directory, PolicyAdapter(parent, {name: update}))

    core.library.publish("policy-0001", build, {"parent": "policy-0000"})
    hub.push(core, "policy-0001", REPO)
    assert not [name for name in fake_hub.files if name.startswith("adapter_")]
    pushed = load(fake_hub.files["model.safetensors"])["model.layers.3.self_attn.q_proj.weight"]
    weights = PolicyWeights(parent).read("model.layers.3.self_attn.q_proj.weight")
    torch.testing.assert_close(pushed, weights + 1)


def test_a_hub_that_cannot_be_reached_is_told(
    core: Core, fake_hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_hub.server_close()
    with pytest.raises(Unavailable, match="was not uploaded"):
        hub.push(core, "policy-0000", REPO)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(Unavailable, match=r"was not uploaded .*offline"):
        hub.push(core, "policy-0000", REPO)
    with pytest.raises(Unavailable, match="cannot be reached"):
        hub.pull(core, REPO)


def test_what_is_not_there_is_told(core: Core, fake_hub: FakeHub) -> None:
    with pytest.raises(Unavailable, match="cannot be had from the hub"):
        hub.pull(core, "me/nothing")
    with pytest.raises(Unavailable, match="was not uploaded"):
        hub.push(core, "policy-0000", "a name/with/slashes")
