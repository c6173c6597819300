"""Two machines that share a database and object storage, and no folder."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from loop_folder import ITERATION, request_iteration, run_iteration

from tutelage.artifacts.policies import SharedPolicyLibrary
from tutelage.composition import Core, open_core
from tutelage.policies.library import digests
from tutelage.settings import Settings


def test_an_iteration_killed_here_is_resumed_there_and_served_anywhere(
    taught_folder: Path, uninterrupted: Core, artifacts: str, tmp_path: Path
) -> None:
    shutil.copytree(taught_folder, tmp_path / "one")
    database = f"sqlite:///{tmp_path / 'one' / 'tutelage.db'}"

    def machine(name: str) -> Core:
        return open_core(
            Settings(
                data=tmp_path / name, database_url=database, artifacts=artifacts, moderation="off"
            )
        )

    def interrupt(stage: str, done: int, total: int, metrics: Mapping[str, float]) -> None:
        if stage == "ppo" and done:
            raise KeyboardInterrupt

    one, two, replica = machine("one"), machine("two"), machine("replica")
    assert isinstance(one.library, SharedPolicyLibrary)
    one.library.upload("policy-0000")
    request_iteration(one, "smoke", "ada")
    with pytest.raises(KeyboardInterrupt):
        run_iteration(one, ITERATION, watch=interrupt)
    sft = (one.iteration(ITERATION).sft / "complete.json").read_bytes()
    shutil.rmtree(tmp_path / "one" / "iterations")
    shutil.rmtree(tmp_path / "one" / "policies")

    assert run_iteration(two, ITERATION).policy_id == "policy-0001"
    assert (two.iteration(ITERATION).sft / "complete.json").read_bytes() == sft
    made = digests(uninterrupted.library.path("policy-0001"))
    assert digests(replica.library.path("policy-0001")) == made
    assert replica.library.verify("policy-0001") == []
    folder = replica.iteration(ITERATION)
    assert folder.report.is_file() and not any(each.exists() for each in folder.weights)
    for core in (one, two, replica):
        core.store.close()
