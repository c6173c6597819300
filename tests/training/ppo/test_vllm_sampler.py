"""Rollouts by HTTP: servers that really sample from the adapters that they were told to load."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import torch
from fake_engines import listening
from fake_vllm import FakeVLLM
from ppo_runs import DATA, EVAL_PROMPTS, PROMPTS, history, new_run, run, with_ppo

from training.config import IterationConfig
from training.model.load import load_model
from training.model.split_model import SplitModel
from training.optimise.optimise import optimise_policy
from training.ppo import vllm_sampler
from training.ppo.rollout import RolloutSampling, sample
from training.ppo.trainer import PPO
from training.ppo.vllm_sampler import Trajectory, VLLMSampler
from training.progress import silent
from tutelage.errors import Unavailable

PROMPT = [5, 6, 7]
ONE_MODEL = threading.Lock()  # of the fakes at a time: loading one disturbs another
SAMPLING = RolloutSampling(1.0, 8, [2])


class SamplingVLLM(FakeVLLM):
    """Samples from the policy that it is asked for; log-probabilities may be ``off``."""

    def __init__(self, config: IterationConfig, off: float = 0.0) -> None:
        super().__init__("policy-0000")
        self.config, self.off = config, off
        self.policies: dict[str, SplitModel] = {}

    def whole(self, asked: dict[str, Any]) -> dict[str, Any]:
        with ONE_MODEL:
            return self._sampled(asked)

    def _sampled(self, asked: dict[str, Any]) -> dict[str, Any]:
        name = asked["model"]
        if name not in self.policies:
            self.policies[name] = load_model(Path(self.adapters[name]), self.config)
        sampling = RolloutSampling(
            asked["temperature"], asked["max_tokens"], asked["stop_token_ids"]
        )
        numbers = torch.rand(
            1, asked["max_tokens"], generator=torch.Generator().manual_seed(asked["seed"])
        )
        model = self.policies[name]
        (episode,) = sample(model, model.reference, [asked["prompt"]], numbers, sampling)
        choice = {
            "index": 0, "text": "", "finish_reason": "stop" if episode.finished else "length",
            "token_ids": episode.response.tolist(),
            "logprobs": {"token_logprobs": (episode.logprobs + self.off).tolist()},
        }  # fmt: skip
        return {"id": "c", "object": "text_completion", "created": 0, "model": name,
                "choices": [choice]}  # fmt: skip


@pytest.fixture
def serving() -> Iterator[Callable[[FakeVLLM], str]]:
    """Starts a server; its base URL."""
    with ExitStack() as stack:
        yield lambda fake: f"{stack.enter_context(listening(fake.app()))}/v1"


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "adapter_config.json").write_text("{}")
    return folder


def test_ppo_learns_from_responses_of_servers_as_from_its_own(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path, serving: Any
) -> None:
    """The adapters that they load are the policy: their log-probabilities are the learner's."""
    config = with_ppo(smoke, updates=4, batch=24)
    fakes = [SamplingVLLM(config), SamplingVLLM(config)]
    parts = rewards / "proxy", rewards / "held_out"
    urls = [serving(fake) for fake in fakes]
    out = tmp_path / "served"
    optimise_policy(tiny_policy, *parts, DATA, config, out, silent, rollout_urls=urls)
    run(tiny_policy, rewards, config, tmp_path / "own")
    served, own = history(out), history(tmp_path / "own")
    assert len(served) == len(own) == 5
    assert all(row["rollout/sampler_kl"] < 1e-6 for row in served)
    gains = [rows[-1]["objective/scores"] - rows[0]["objective/scores"] for rows in (served, own)]
    assert min(gains) > 0 and gains[0] == pytest.approx(gains[1], rel=0.6)
    for fake in fakes:
        assert len(set(fake.loads)) == len(fake.loads) >= 5  # each policy once, by its own name
        assert fake.adapters == {} and fake.asked
    assert not (out / "rollouts").exists()


def served_run(
    policy: Path, rewards: Path, config: IterationConfig, out: Path, urls: list[str]
) -> PPO:
    ppo = new_run(policy, rewards, config, out)
    ppo.collector.set_prompts(PROMPTS, EVAL_PROMPTS)
    ppo.collector.servers = VLLMSampler(urls, out / "rollouts")
    return ppo


def test_eval_prompts_are_responded_to_with_the_same_seeds(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path, serving: Any
) -> None:
    ppo = served_run(tiny_policy, rewards, smoke, tmp_path, [serving(SamplingVLLM(smoke))])
    first, second = (ppo.collector.sample_rollouts(update) for update in (0, 1))
    for a, b in zip(first.eval, second.eval, strict=True):
        assert torch.equal(a.response, b.response)
    ppo.collector.servers.close()


def test_tokens_weigh_as_much_as_they_are_likelier_here_up_to_the_limit(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path, serving: Any
) -> None:
    for off, weight in ((-0.5, 1.6487), (-1.0, 2.0), (0.5, 0.6065)):
        url = serving(SamplingVLLM(smoke, off))
        ppo = served_run(tiny_policy, rewards, smoke, tmp_path, [url])
        scored = ppo.maker.score(ppo.collector.sample_eval())
        assert scored.weights[scored.mask].tolist() == pytest.approx(
            [weight] * int(scored.mask.sum()), rel=1e-3
        )
        ppo.collector.servers.close()


def test_servers_of_other_weights_stop_the_run_and_the_first_policy_is_kept(
    tiny_policy: Path, rewards: Path, smoke: IterationConfig, tmp_path: Path, serving: Any
) -> None:
    parts = rewards / "proxy", rewards / "held_out"
    url = serving(SamplingVLLM(smoke, off=0.6))
    found = optimise_policy(tiny_policy, *parts, DATA, smoke, tmp_path, silent, rollout_urls=[url])
    assert "--logprobs-mode processed_logprobs" in found["stop_reason"]
    assert found["kept_update"] == 0


def test_a_server_that_fails_is_replaced_by_another(
    adapter: Path, serving: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vllm_sampler, "PAUSES", (0.0, 0.01))
    fakes = [FakeVLLM("policy-0000"), FakeVLLM("policy-0000")]
    sampler = VLLMSampler([serving(fake) for fake in fakes], adapter)
    sampler.serve("rollout-1", adapter)
    for broken in ("500", "stale"):
        fakes[0].broken = broken
        found = sampler.sample([PROMPT] * 6, range(6), SAMPLING)
        expected = Trajectory(PROMPT, [5, 6, 7, 2], [-0.5] * 4, "rollout-1", True)
        assert found == [expected] * 6
    fakes[1].broken = "500"
    with pytest.raises(Unavailable, match="asked for rollout-1, it answered with policy-0000"):
        sampler.sample([PROMPT], [0], SAMPLING)


def test_a_server_that_was_started_again_is_given_the_policy(adapter: Path, serving: Any) -> None:
    fake = FakeVLLM("policy-0000")
    sampler = VLLMSampler([serving(fake)], adapter)
    sampler.serve("rollout-1", adapter)
    fake.restart()
    assert len(sampler.sample([PROMPT], [0], SAMPLING)) == 1
    sampler.serve("rollout-2", adapter)
    assert list(fake.adapters) == ["rollout-2"]
    sampler.close()
    assert fake.adapters == {}


def test_a_response_that_is_cut_has_no_end(adapter: Path, serving: Any) -> None:
    sampler = VLLMSampler([serving(FakeVLLM("policy-0000"))], adapter)
    sampler.serve("rollout-1", adapter)
    (found,) = sampler.sample([PROMPT], [0], RolloutSampling(1.0, 2, [2]))
    assert (found.response, found.finished) == ([5, 6], False)


def test_servers_that_take_no_adapter_are_named_with_what_they_need(
    adapter: Path, serving: Any
) -> None:
    fake = FakeVLLM("policy-0000")
    fake.refuses_adapters = True
    url = serving(fake)
    with pytest.raises(Unavailable, match=rf"(?s){url}.*max_lora_rank.*--enable-lora"):
        VLLMSampler([url], adapter).serve("rollout-1", adapter)
