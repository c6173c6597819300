from pathlib import Path

import torch

from training.ppo.state import RandomStreams, TrainerState, load_checkpoint, save_checkpoint


def test_a_checkpoint_goes_round(tmp_path: Path) -> None:
    state = TrainerState(3, 0.04, [{"update": 0.0}])
    groups = {"policy": {"0.a.weight": torch.ones(2)}, "adam": {"0.step": torch.tensor(4.0)}}
    save_checkpoint(tmp_path / "checkpoint", state, groups)
    found, tensors = load_checkpoint(tmp_path / "checkpoint")
    assert found == state
    torch.testing.assert_close(tensors, groups)


def test_each_use_seed_and_update_has_random_numbers_of_its_own() -> None:
    streams = [
        generator
        for seed in (0, 1)
        for generator in (
            RandomStreams(seed).prompt_order(0),
            RandomStreams(seed).prompt_order(1),
            RandomStreams(seed).train_sampling(0),
            RandomStreams(seed).train_sampling(1),
            RandomStreams(seed).eval_sampling(),
            RandomStreams(seed).minibatch_order(0, 0),
            RandomStreams(seed).minibatch_order(0, 1),
            RandomStreams(seed).replayed_rows(0),
            RandomStreams(seed).ptx_rows(0),
            RandomStreams(seed).ptx_rows(1),
            RandomStreams(seed).control_draws(),
        )
    ]
    drawn = {tuple(torch.rand(4, generator=generator).tolist()) for generator in streams}
    assert len(drawn) == len(streams)


def test_the_same_use_seed_and_update_have_the_same_numbers() -> None:
    first, second = (torch.rand(4, generator=RandomStreams(7).train_sampling(2)) for _ in range(2))
    assert torch.equal(first, second)
