"""Policies to and from a Hugging Face hub, with their card and licence.

The hub is that of HF_ENDPOINT, the token that of HF_TOKEN or `hf auth login`.
"""

import tempfile
from pathlib import Path
from typing import Any

from tutelage import audit
from tutelage.composition import Core
from tutelage.errors import Invalid, Unavailable
from tutelage.policies import base, deployment
from tutelage.policies.export import export_folder
from tutelage.policies.library import CARD
from tutelage.policies.model_check import ALL_FILES, check_model, download

README = "README.md"
BUNDLED_LICENCE, BUNDLED_MODEL = "apache-2.0", "HuggingFaceTB/SmolLM2-135M-Instruct"


def push(core: Core, policy_id: str, repo: str, licence: str = "", public: bool = False) -> str:
    """Upload a policy as a model that `from_pretrained` reads; the address of its commit.

    ``licence`` is an identifier of the hub, such as apache-2.0; that of the bundled model is known.
    Raises Invalid without one, Unavailable where the hub refuses or cannot be reached.
    """
    core.library.require_weights(policy_id)
    source = _source(core, policy_id)
    if not licence and source != base.BUNDLED:
        raise Invalid(
            f"The weights derive from {source}, whose licence is not known here. Name it: "
            "--licence apache-2.0.",
            "licence",
        )
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / policy_id
        export_folder(core.library.path(policy_id), folder)
        card = _hub_card((folder / CARD).read_text("utf-8"), licence or BUNDLED_LICENCE, source)
        (folder / CARD).unlink()
        (folder / README).write_text(card, "utf-8")
        address = _upload(folder, repo, policy_id, public)
    with core.store.write() as session:
        audit.record(session, "cli", "policy.push", policy_id, repo=repo, public=public)
    return address


def pull(core: Core, repo: str, revision: str | None = None) -> str:
    """Download a model as a new candidate; its policy id. The gate has not seen it.

    Raises Unavailable where the hub refuses, cannot be reached, or the model cannot be served.
    """
    folder = download(repo, [*ALL_FILES, README], revision)
    problems = check_model(str(folder)).problems
    if problems:
        raise Unavailable(f"The model {repo} cannot be used: {' '.join(problems)}")
    policy_id = core.library.next_id()
    origin = {"source": repo, "revision": folder.name}

    def build(directory: Path) -> None:
        base.build(directory, str(folder))
        readme = folder / README
        theirs = readme.read_text("utf-8") if readme.is_file() else "It has no card."
        (directory / CARD).write_text(_pulled_card(policy_id, repo, folder.name, theirs), "utf-8")

    core.library.publish(policy_id, build, {"parent": None, "iteration": None, **origin})
    with core.store.write() as session:
        deployment.register(session, policy_id, core.library.manifest_sha256(policy_id))
        audit.record(session, "cli", "policy.pull", policy_id, **origin)
    return policy_id


def _source(core: Core, policy_id: str) -> str:
    """Where the first policy of the line is from."""
    manifest = core.library.manifest(policy_id)
    while parent := manifest.get("parent"):
        manifest = core.library.manifest(parent)
    return str(manifest.get("source") or "another model")


def _upload(folder: Path, repo: str, policy_id: str, public: bool) -> str:
    from huggingface_hub import HfApi

    api = HfApi()
    try:
        api.create_repo(repo, private=not public, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repo, folder_path=folder, commit_message=f"Upload {policy_id}"
        )
    except Exception as error:  # those of names, tokens, HTTP and the network have no common base
        raise Unavailable(_refused(repo, error)) from error
    return str(commit.commit_url)


def _refused(repo: str, error: Exception) -> str:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return (
        f"{repo} was not uploaded ({reason}). Check the connection and the name; writing needs a "
        "token: `hf auth login`, or HF_TOKEN."
    )


def _hub_card(card: str, licence: str, source: str) -> str:
    """The card under the metadata that hubs read."""
    from huggingface_hub import ModelCardData

    facts: dict[str, Any] = {"license": licence.lower(), "library_name": "transformers"}
    named = BUNDLED_MODEL if source == base.BUNDLED else source
    if named.count("/") == 1 and not named.startswith((".", "/", "~")):
        facts["base_model"] = named
    data = ModelCardData(**facts, pipeline_tag="text-generation", tags=["tutelage", "rlhf"])
    return f"---\n{data.to_yaml()}\n---\n\n{card}"


def _pulled_card(policy_id: str, repo: str, revision: str, theirs: str) -> str:
    return (
        f"# {policy_id}\n\nPulled from {repo} at {revision}. The gate has not judged it. What "
        f"follows is its own card, with its licence.\n\n{theirs}"
    )
