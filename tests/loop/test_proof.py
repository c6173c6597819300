"""The proof on a tiny model: four iterations, one page; then nothing is rerun."""

from pathlib import Path

import pytest

from training.demo.controls import ProofArm
from training.demo.demo import Scale
from training.demo.proof import prove
from training.demo.proof_page import write_page
from tutelage.settings import Settings

SCALE = Scale(prompts=12, test_prompts=4, samples=1, preset="smoke")


@pytest.mark.loop
def test_every_arm_is_measured_once(tmp_path: Path, tiny_policy: Path) -> None:
    settings = Settings(data=tmp_path, base_model=str(tiny_policy), moderation="off", threads=1)
    results = prove(["brief"], [1], settings, SCALE)
    assert [result.arm for result in results] == list(ProofArm)
    taught, zero = results[:2]
    assert taught.decision in ("promote", "refuse", "ask")
    assert (zero.decision, zero.updates) == ("", taught.updates)
    assert taught.judgements > 10
    assert not list((tmp_path / "brief-1").glob("*-iteration"))

    measured = (tmp_path / "brief-1" / "taught.json").stat().st_mtime
    assert prove(["brief"], [1], settings, SCALE) == results
    assert (tmp_path / "brief-1" / "taught.json").stat().st_mtime == measured
    assert "Was it the teaching?" in write_page(tmp_path, results).read_text("utf-8")
