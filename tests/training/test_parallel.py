"""Several ranks make of the stages what one process makes; one process does not notice them."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from rank_stages import run_stages
from safetensors.torch import load_file
from torch import nn

from training import parallel

PROGRAM = Path(__file__).parent / "rank_stages.py"
TOLERANCE = 1e-4  # Adam makes whole steps of gradients that are next to nothing
POLICIES = ("sft", "ppo", "ppo-sharded", "dpo")
OF_POLICIES = 1e-5


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(program: list[str], size: int) -> list[subprocess.Popen[bytes]]:
    """The processes that torchrun would start."""
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    place |= {"WORLD_SIZE": str(size), "LOCAL_WORLD_SIZE": str(size)}
    return [
        subprocess.Popen([sys.executable, *program], env=os.environ | place | {"RANK": str(rank)})
        for rank in range(size)
    ]


@pytest.fixture(scope="module")
def together(tiny_policy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of two ranks that ran all stages."""
    folder = tmp_path_factory.mktemp("ranks")
    shutil.copytree(tiny_policy, folder / "policy")
    processes = start([str(PROGRAM), str(folder)], 2)
    assert [each.wait(600) for each in processes] == [0, 0]
    return folder


@pytest.fixture(scope="module")
def alone(tiny_policy: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """The folder of one process that ran them, and what it found."""
    folder = tmp_path_factory.mktemp("alone")
    return folder, run_stages(tiny_policy, folder)


def assert_close(found: Any, expected: Any, where: str = "") -> None:
    """Equal, but numbers to the tolerance."""
    if isinstance(expected, Mapping):
        assert found.keys() == expected.keys(), where
        for name in expected:
            assert_close(found[name], expected[name], f"{where}/{name}")
    elif isinstance(expected, list | tuple):
        assert len(found) == len(expected), where
        for i, (one, other) in enumerate(zip(found, expected, strict=True)):
            assert_close(one, other, f"{where}/{i}")
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, abs=TOLERANCE, rel=TOLERANCE), where
    elif not where.endswith("/policy"):  # a digest of weights
        assert found == expected, where


def test_two_ranks_find_what_one_process_finds(together: Path, alone: tuple[Path, Any]) -> None:
    facts = json.loads((together / "found.json").read_text())
    assert facts["ranks"] == 2
    assert_close(facts["found"], json.loads(json.dumps(alone[1])))


def test_two_ranks_learn_the_weights_that_one_process_learns(
    together: Path, alone: tuple[Path, Any]
) -> None:
    learned = sorted(alone[0].rglob("*.safetensors"))
    assert len(learned) > 20  # adapters, reward models, rungs, checkpoints
    for file in learned:
        place = file.relative_to(alone[0])
        found, expected = load_file(together / place), load_file(file)
        most = OF_POLICIES if place.parts[0] in POLICIES else TOLERANCE
        assert found.keys() == expected.keys()
        for name, tensor in expected.items():
            torch.testing.assert_close(found[name], tensor, atol=most, rtol=1e-4)


def test_a_stage_that_the_data_are_to_blame_for_ends_for_all_ranks(together: Path) -> None:
    assert json.loads((together / "found.json").read_text())["refused"]


def test_a_rank_keeps_its_part_of_a_divided_trunk(together: Path) -> None:
    assert json.loads((together / "found.json").read_text())["kept"] == pytest.approx(0.5)


def test_other_ranks_write_nothing_into_the_folder(together: Path, alone: tuple[Path, Any]) -> None:
    written = {file.relative_to(together) for file in together.rglob("*") if file.is_file()}
    expected = {file.relative_to(alone[0]) for file in alone[0].rglob("*") if file.is_file()}
    policy = {file for file in written if file.parts[0] == "policy"}
    assert written - policy - {Path("found.json")} == expected


def test_one_process_has_all_rows_in_their_order() -> None:
    assert (parallel.size(), parallel.rank(), parallel.beside()) == (1, 0, 1)
    assert parallel.share([3, 1, 2]) == [0, 1, 2]
    assert parallel.gather([1, 2]) == [1, 2]
    assert parallel.shared("abc", lambda own: [letter.upper() for letter in own]) == ["A", "B", "C"]
    assert parallel.shared([], lambda own: 1 / 0) == []


def test_one_process_leaves_gradients_alone() -> None:
    parameter = nn.Parameter(torch.ones(2))
    parallel.sum_gradients([parameter])
    assert parameter.grad is None


@pytest.mark.parametrize("size", [2, 3])
def test_every_row_is_computed_once_and_work_is_about_even(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    costs = [5, 90, 7, 60, 30, 2, 80]
    monkeypatch.setattr(parallel, "size", lambda: size)
    shares = []
    for rank in range(size):
        monkeypatch.setattr(parallel, "rank", lambda rank=rank: rank)
        shares.append(parallel.share(costs))
    assert sorted(row for share in shares for row in share) == list(range(len(costs)))
    loads = [sum(costs[row] for row in share) for share in shares]
    assert max(loads) < 1.5 * min(loads)
    assert all(share == sorted(share) for share in shares)


def test_a_rank_that_dies_ends_the_others_with_a_reason(tmp_path: Path) -> None:
    program = tmp_path / "dies.py"
    program.write_text(
        "import os, sys\n"
        "from training import parallel\n"
        "from tutelage.errors import Unavailable\n"
        "with parallel.ranks() as leads:\n"
        "    if not leads:\n"
        "        os._exit(9)\n"
        "    try:\n"
        "        parallel.gather([1])\n"
        "    except Unavailable as error:\n"
        "        os._exit(3 if 'lost' in error.message else 4)\n"
    )
    assert [each.wait(300) for each in start([str(program)], 2)] == [3, 9]


@pytest.mark.parametrize("comes", [True, False])
def test_ranks_wait_long_for_each_other_but_not_for_one_that_never_comes(
    comes: bool, tmp_path: Path
) -> None:
    program = tmp_path / "waits.py"
    program.write_text(
        "import os, time\n"
        "from datetime import timedelta\n"
        "from training import parallel\n"
        "from tutelage.errors import Unavailable\n"
        f"comes, parallel.CONNECT_WAIT = {comes}, timedelta(seconds={30 if comes else 2})\n"
        "if os.environ['RANK'] == '1' and not comes:\n"
        "    os._exit(9)\n"
        "try:\n"
        "    with parallel.ranks() as leads:\n"
        "        time.sleep(0 if leads else 31)\n"
        "        assert parallel.gather([1]) == [1, 1]\n"
        "        if not leads:\n"
        "            parallel.follow()\n"
        "except Unavailable as error:\n"
        "    os._exit(3 if 'lost' in error.message else 4)\n"
    )
    assert [each.wait(300) for each in start([str(program)], 2)] == ([0, 0] if comes else [3, 9])
