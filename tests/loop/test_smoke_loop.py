"""One iteration on a tiny model: taught, published, resumed after kill -9, refused, cancelled."""

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from loop_folder import ITERATION, assert_faithful, copied, digest, judge, row, run
from opentelemetry.sdk.trace import ReadableSpan
from sqlmodel import select

from training.config import IterationConfig
from training.iteration.run import request_iteration, run_iteration
from training.jobs.maintenance import Maintenance
from training.jobs.rungs import publish_rung
from tutelage.composition import Core
from tutelage.errors import Conflict, Invalid, NotFound, Unavailable
from tutelage.experiments import experiments
from tutelage.feedback import feedback
from tutelage.iteration_folder import STAGES
from tutelage.iterations import iterations, schedule
from tutelage.labeling import labeling, rungs
from tutelage.policies import deployment
from tutelage.policies.adapter import ADAPTER_WEIGHTS
from tutelage.policies.parity import load_whole
from tutelage.tables import Conversation, IterationState, LabelingTask, PolicyState, Schedule, User

pytestmark = pytest.mark.loop
KILLER, ROOT = Path(__file__).parent / "killed.py", Path(__file__).parents[2]
POLICIES = ("policy-0000", "policy-0001")
KILLED_AT = [
    f"iterations/{ITERATION}/snapshot/rankings.jsonl",
    "sft:1",
    "reward_model:3",
    "ppo:2",
    "evaluation:1",
    "policies/.policy-0001.*",
]


def strict(core: Core, **gate: float) -> str:
    """The smoke preset with a gate that means it; its path."""
    path = core.settings.data / "strict.toml"
    smoke = IterationConfig.load("smoke")
    IterationConfig.from_dict(
        {"preset": "smoke", "threads": 1, "top_layers": 2, "gate": gate,
         "sft": vars(smoke.sft), "reward_model": vars(smoke.reward_model) | {"penalties": [1.0]},
         "ppo": vars(smoke.ppo), "evaluation": vars(smoke.evaluation)}
    ).dump(path)  # fmt: skip
    return str(path)


def test_the_candidate_is_published_whole_and_waits_for_promotion(uninterrupted: Core) -> None:
    assert uninterrupted.library.verify("policy-0001") == []
    with uninterrupted.store.read() as session:
        newest, base = deployment.versions(session)
    assert (newest.id, newest.state, newest.iteration_id) == (
        "policy-0001", PolicyState.CANDIDATE, ITERATION
    )  # fmt: skip
    assert base.state == PolicyState.CURRENT


def test_its_stages_are_one_trace(
    traced_iteration: tuple[Core, Sequence[ReadableSpan]],
) -> None:
    spans = {span.name: span for span in traced_iteration[1]}
    assert spans.keys() == {"iteration", *STAGES, "gate"}
    assert len({span.context.trace_id for span in spans.values()}) == 1
    assert dict(spans["iteration"].attributes or {}) == {"tutelage.iteration": ITERATION}


def test_the_row_tells_what_came_of_it(uninterrupted: Core) -> None:
    iteration = row(uninterrupted)
    assert iteration.state == IterationState.PROMOTED
    assert iteration.policy_id == "policy-0001"
    assert set(iteration.metrics["stages"]) == set(STAGES)
    assert iteration.progress["stage"] in (*STAGES, "gate")
    assert len(iteration.reasons) == 13  # a sentence for each check that smoke makes


def test_the_lineage_leads_back_to_the_feedback(uninterrupted: Core) -> None:
    manifest = uninterrupted.library.manifest("policy-0001")
    folder = uninterrupted.iterations / ITERATION / "snapshot"
    assert manifest["parent"] == "policy-0000"
    assert manifest["snapshot_sha256"] == json.loads((folder / "digest.json").read_text())["sha256"]
    assert manifest["config_sha256"] == row(uninterrupted).config_sha256
    assert "stages" not in manifest["metrics"]


def test_what_people_taught_changed_the_weights(uninterrupted: Core) -> None:
    files = [uninterrupted.library.manifest(p)["files"] for p in POLICIES]
    assert "model.safetensors" in files[0] and "model.safetensors" not in files[1]
    base, taught = (load_whole(uninterrupted.library.path(p), "float32") for p in POLICIES)
    name = "model.layers.3.mlp.up_proj.weight"
    assert not torch.equal(base.get_parameter(name), taught.get_parameter(name))
    assert files[0]["tokenizer.json"] == files[1]["tokenizer.json"]


def test_the_policy_that_ppo_trained_is_served_as_it_is(uninterrupted: Core) -> None:
    for weights in ("f16", "bf16"):
        assert_faithful(uninterrupted.library.path("policy-0001"), weights)


def test_the_report_needs_no_other_file(uninterrupted: Core) -> None:
    html = (uninterrupted.iterations / ITERATION / "report.html").read_text()
    assert html.count("<svg") == 7
    assert "src=" not in html
    assert "policy-0001 may be promoted" in html
    assert f"Snapshot {row(uninterrupted).snapshot_sha256}" in html


def test_the_card_says_what_taught_it_and_how_it_compares(uninterrupted: Core) -> None:
    card = (uninterrupted.library.path("policy-0001") / "card.md").read_text()
    counts = uninterrupted.library.manifest("policy-0001")["snapshot"]
    assert card.startswith("# policy-0001\n")
    assert f"| rankings | {counts['rankings/train']} | {counts['rankings/held_out']} |" in card
    assert "Gain in held-out score" in card


def test_no_copy_of_the_weights_is_left_behind(uninterrupted: Core) -> None:
    left = {file.name for file in (uninterrupted.iterations / ITERATION).rglob("*.safetensors")}
    assert not left & {"model.safetensors", ADAPTER_WEIGHTS}


def test_asking_again_for_the_same_is_the_same_iteration(uninterrupted: Core) -> None:
    assert request_iteration(uninterrupted, "smoke", "bob").id == ITERATION


def test_the_same_rows_give_the_same_policy(core: Core, uninterrupted: Core) -> None:
    run(core)
    assert digest(core) == digest(uninterrupted)


def test_killed_at_every_stage_it_ends_with_the_same_policy(
    core: Core, uninterrupted: Core
) -> None:
    request_iteration(core, "smoke", "ada")
    command = [sys.executable, str(KILLER), str(core.settings.data), ITERATION, *KILLED_AT]
    ended = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
                           capture_output=True, text=True)  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert row(core).state == IterationState.RUNNING
    assert all(core.library.verify(policy_id) == [] for policy_id in core.library.ids())
    run_iteration(core, ITERATION)
    assert digest(core) == digest(uninterrupted)


def test_a_second_run_of_the_same_iteration_is_a_conflict(core: Core) -> None:
    request_iteration(core, "smoke", "ada")
    with core.store.write() as session:
        iterations.lease(session, ITERATION, "another")
    with pytest.raises(Conflict, match=r"already running \(worker another\)"):
        run_iteration(core, ITERATION)


def test_a_second_iteration_at_once_is_a_conflict(core: Core) -> None:
    request_iteration(core, "smoke", "ada")
    with pytest.raises(Conflict, match="already queued"):
        request_iteration(core, strict(core), "ada")


def test_cancelling_stops_the_run_and_publishes_nothing(core: Core) -> None:
    request_iteration(core, "smoke", "ada")

    def cancel_in_ppo(stage: str, done: int, total: int, metrics: Mapping[str, float]) -> None:
        if stage == "ppo" and row(core).state == IterationState.RUNNING:
            with core.store.write() as session:
                iterations.cancel(session, ITERATION, "ada")

    with pytest.raises(Conflict):
        run_iteration(core, ITERATION, watch=cancel_in_ppo)
    assert row(core).state == IterationState.CANCELLED
    assert core.library.ids() == ["policy-0000"]


def test_ctrl_c_gives_the_job_back_at_once(core: Core, uninterrupted: Core) -> None:
    request_iteration(core, "smoke", "ada")

    def interrupt(stage: str, done: int, total: int, metrics: Mapping[str, float]) -> None:
        if stage == "ppo":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_iteration(core, ITERATION, watch=interrupt)
    run_iteration(core, ITERATION)
    assert digest(core) == digest(uninterrupted)


def test_between_publishing_and_its_end_it_publishes_nothing_twice(
    core: Core, uninterrupted: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    request_iteration(core, "smoke", "ada")
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("training.iteration.run.write_report", interrupt)
        run_iteration(core, ITERATION)
    assert core.library.ids() == ["policy-0000", "policy-0001"]
    assert run_iteration(core, ITERATION).policy_id == "policy-0001"
    assert core.library.ids() == ["policy-0000", "policy-0001"]
    assert digest(core) == digest(uninterrupted)


def test_a_full_disk_loses_nothing(core: Core, uninterrupted: Core) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    request_iteration(core, "smoke", "ada")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("training.ppo.trainer.save_checkpoint", full)
        with pytest.raises(Unavailable, match=r"disk is full.*[Cc]omplete stages are kept"):
            run_iteration(core, ITERATION)
    assert row(core).state == IterationState.RUNNING
    assert "disk is full" in row(core).reasons[0]
    run_iteration(core, ITERATION)
    assert digest(core) == digest(uninterrupted)


def test_a_damaged_stage_is_named_and_can_be_run_again(core: Core, uninterrupted: Core) -> None:
    request_iteration(core, "smoke", "ada")

    def interrupt(stage: str, done: int, total: int, metrics: Mapping[str, float]) -> None:
        if stage == "ppo":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_iteration(core, ITERATION, watch=interrupt)
    stage = core.iterations / ITERATION / "reward_model"
    (stage / "proxy" / "reward_model.safetensors").write_bytes(b"rot")
    with pytest.raises(Unavailable, match=r"reward_model is damaged.*Delete"):
        run_iteration(core, ITERATION)
    shutil.rmtree(stage)
    run_iteration(core, ITERATION)
    assert digest(core) == digest(uninterrupted)


def test_a_crash_is_an_end_with_its_reason(core: Core) -> None:
    request_iteration(core, "smoke", "ada")

    def crash(stage: str, done: int, total: int, metrics: Mapping[str, float]) -> None:
        raise ZeroDivisionError("no luck")

    with pytest.raises(ZeroDivisionError):
        run_iteration(core, ITERATION, watch=crash)
    assert (row(core).state, row(core).reasons) == (
        IterationState.FAILED, ["ZeroDivisionError: no luck"]
    )  # fmt: skip
    assert request_iteration(core, "smoke", "ada").id == "iteration-0002"


def test_a_refused_candidate_is_not_published_but_its_measures_stay(core: Core) -> None:
    outcome = run(core, strict(core, min_gain=100.0))
    assert (outcome.decision, outcome.policy_id) == ("refuse", None)
    assert core.library.ids() == ["policy-0000"]
    iteration = row(core)
    assert iteration.state == IterationState.REFUSED
    assert "must exceed 100" in iteration.reasons[0]
    assert iteration.metrics["candidate"]["words"] >= 0
    assert outcome.report is not None
    assert "The gate rejected the candidate. Nothing was published" in outcome.report.read_text()


def test_nothing_consented_is_a_refusal_to_train(core: Core) -> None:
    with core.store.write() as session:
        for conversation in session.exec(select(Conversation)):
            conversation.training = False
    with pytest.raises(Invalid, match="no conversation allows training"):
        request_iteration(core, "smoke", "ada")


def test_too_little_feedback_says_how_much_is_missing(core: Core) -> None:
    with pytest.raises(Invalid, match=r"Not enough feedback.* of 600 comparisons"):
        request_iteration(core, "standard", "ada")


def test_feedback_withdrawn_while_queued_ends_in_a_refusal(core: Core) -> None:
    request_iteration(core, "smoke", "ada")
    with core.store.write() as session:
        for user in session.exec(select(User)).all():
            for given in feedback.of_author(session, user.id):
                feedback.withdraw(session, user.id, given.id)
    outcome = run_iteration(core, ITERATION)
    assert outcome.decision == "refuse"
    assert row(core).state == IterationState.REFUSED
    assert row(core).reasons[0].startswith("0 of 12 comparisons")


def test_a_preset_that_does_not_exist_is_named(core: Core) -> None:
    with pytest.raises(Invalid, match="Unknown preset or file 'swift'"):
        request_iteration(core, "swift", "ada")


@pytest.mark.parametrize("promoted", [True, False])
def test_a_taught_policy_is_taught_again_promoted_or_undecided(
    uninterrupted: Core, tmp_path: Path, promoted: bool
) -> None:
    core = copied(uninterrupted.settings.data, tmp_path / "data")
    with core.store.write() as session:
        user = session.exec(select(User)).one()
        if promoted:
            deployment.promote(session, "policy-0001", "ada")
        else:
            experiments.start(session, "policy-0001", "ada")
            plan = Schedule(author_id="ada", feedback=100, build_on_undecided=True)
            schedule.set_schedule(session, plan)
    judge(core, user, 100)
    outcome = run_iteration(core, request_iteration(core, "smoke", "ada").id)
    manifest = core.library.manifest("policy-0002")
    current = "policy-0001" if promoted else "policy-0000"
    assert (outcome.policy_id, manifest["parent"]) == ("policy-0002", "policy-0001")
    assert (manifest["compared_with"], manifest["base"]) == (current, "policy-0000")
    assert core.library.verify("policy-0002") == []
    assert [row["policy"] for row in manifest["trend"]][-1] == current
    assert (
        f"## Compared with {current}" in (core.library.path("policy-0002") / "card.md").read_text()
    )


def test_people_choose_another_rung_than_the_gate(uninterrupted: Core, tmp_path: Path) -> None:
    core = copied(uninterrupted.settings.data, tmp_path / "data")
    with core.store.write() as session:
        rungs.request(session, ITERATION, 3, 4, 1, "ada")
    Maintenance(core).compare_rungs()
    with core.store.write() as session:
        choice = rungs.choice(session, iterations.get(session, ITERATION))
        assert (choice.problem, choice.waiting, choice.ranked) == (None, False, 0)
        tasks = session.exec(select(LabelingTask)).all()
        assert len(tasks) == choice.tasks > 0
        written = [each for task in tasks for each in labeling.answers(session, task)]
    names = {str(message.policy_id) for message in written}
    rung = max(name for name in names if "@" in name)
    assert "policy-0000" in names and len(names) <= 4
    published = publish_rung(core, rung, "ada")
    manifest = core.library.manifest(published)
    assert (published, manifest["rung"]) == ("policy-0002", rung)
    assert manifest["parent"] == "policy-0000" and core.library.verify(published) == []
    with pytest.raises(NotFound, match="is not on the ladder"):
        publish_rung(core, "policy-0001@99", "ada")
