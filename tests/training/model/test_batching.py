from functools import partial
from pathlib import Path

import pytest
import torch
from split_models import IDS, disturbed

from training.config import IterationConfig
from training.model.batching import buckets, common_prefix, pad, pass_tokens, positions
from training.model.load import load_model
from training.model.split_model import SplitModel


def test_rows_that_share_a_prefix_get_the_states_of_whole_rows(model: SplitModel) -> None:
    prefix, rows = IDS[:1, :2], torch.stack((IDS[0, 2:], IDS[1, 2:]))
    first, rest = model.share_prefix(model.trunk, prefix, rows)
    whole = torch.cat((prefix.expand(2, -1), rows), 1)
    expected = model.trunk(whole, positions(whole))
    torch.testing.assert_close(rest, expected[:, 2:], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(first, expected[:1, :2], atol=1e-5, rtol=1e-5)


def test_gradients_pass_through_a_shared_prefix(model: SplitModel) -> None:
    adapted = disturbed(model.adapted(4, 8.0, 0))
    prefix, rows = IDS[:1, :2], torch.stack((IDS[0, 2:], IDS[1, 2:]))
    states = model.share_prefix(model.trunk, prefix, rows)
    model.share_prefix(partial(model.top, adapted), *states)[1].sum().backward()
    shared = [p.grad.clone() for p in adapted.parameters() if p.grad is not None]
    adapted.zero_grad()
    whole = torch.cat((prefix.expand(2, -1), rows), 1)
    hidden = model.trunk(whole, positions(whole))
    model.top(adapted, hidden, positions(hidden))[:, 2:].sum().backward()
    for mine, expected in zip(
        shared, [p.grad for p in adapted.parameters() if p.grad is not None], strict=True
    ):
        torch.testing.assert_close(mine, expected, atol=1e-4, rtol=1e-4)


def test_padding_changes_no_state(model: SplitModel) -> None:
    rows = pad([IDS[0, :3], IDS[1]])
    padded = model.trunk(rows, positions(rows))[0, :3]
    alone = model.trunk(IDS[:1, :3], positions(IDS[:1, :3]))[0]
    torch.testing.assert_close(padded, alone, atol=1e-5, rtol=1e-5)


def test_an_empty_prefix_is_no_prefix(model: SplitModel) -> None:
    first, rest = model.share_prefix(model.trunk, IDS[:1, :0], IDS)
    assert first.shape[1] == 0
    torch.testing.assert_close(rest, model.trunk(IDS, positions(IDS)))


def test_rows_without_a_token_have_no_states(tiny_policy: Path, smoke: IterationConfig) -> None:
    model = load_model(tiny_policy, smoke)
    prefix, rows = torch.tensor([[3, 4, 5]]), torch.zeros(2, 0, dtype=torch.long)
    before, states = model.share_prefix(model.trunk, prefix, rows)
    assert (before.shape[1], tuple(states.shape[:2])) == (3, (2, 0))


def test_prompts_share_what_they_all_begin_with_but_never_a_last_token() -> None:
    assert common_prefix([[1, 2, 3, 4], [1, 2, 5]]) == 2
    assert common_prefix([[1, 2], [1, 2, 3]]) == 1
    assert common_prefix([[1], [2]]) == 0


def test_buckets_hold_every_row_once_and_stay_small() -> None:
    lengths = [5, 1, 9, 3, 3, 7]
    groups = list(buckets(lengths, 12))
    assert sorted(i for group in groups for i in group) == list(range(6))
    assert all(max(lengths[i] for i in g) * len(g) <= 12 for g in groups if len(g) > 1)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> torch.device:
    """A pretended GPU with 1000 bytes free and 200 more that torch holds unused."""
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 4000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 300)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 100)
    return torch.device("cuda")


def test_passes_on_a_gpu_fill_half_of_what_is_free(gpu: torch.device) -> None:
    assert pass_tokens(10, 2, gpu) == 300
    assert pass_tokens(10, 200, gpu) == 10  # never fewer than on a CPU
    assert pass_tokens(10, 2, torch.device("cpu")) == 10


def test_a_larger_model_gets_fewer_tokens(
    gpu: torch.device, model: SplitModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert model.pass_tokens(7) == 7
    monkeypatch.setattr(model, "device", gpu)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (10**9, 10**9))
    before = model.pass_tokens(7)
    monkeypatch.setattr(model, "width", 2 * model.width)
    assert before == pytest.approx(2 * model.pass_tokens(7), abs=2)
