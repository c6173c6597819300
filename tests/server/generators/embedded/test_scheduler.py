"""Responses in one batch are what they would be alone, and nothing is computed twice."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from server.generators.embedded import scheduler
from server.generators.embedded.scheduler import PREFILL_TOKENS, sample
from server.generators.generator import Sampling

ROUNDING = 0.03  # of keys and values to 16 bits, in a random model; a wrong mask costs far more
SHORT = list(range(10, 40))
LONG = [3 + (7 * i) % 250 for i in range(2 * PREFILL_TOKENS + 50)]


def expected_logprobs(policies: Path, prompt: list[int], answer: list[int]) -> list[float]:
    """The answer's log-probabilities by one plain forward pass of transformers."""
    model = AutoModelForCausalLM.from_pretrained(policies / "policy-0000", dtype=torch.float32)
    with torch.no_grad():
        logits = model(torch.tensor([prompt + answer])).logits[0, len(prompt) - 1 : -1]
    chosen = logits.log_softmax(-1).gather(1, torch.tensor(answer)[:, None])[:, 0]
    return [float(logprob) for logprob in chosen]


@pytest.mark.parametrize("prompt", [SHORT, LONG], ids=["short", "in three parts"])
def test_logprobs_equal_a_plain_forward_pass(batch: Any, policies: Path, prompt: list[int]) -> None:
    others = [batch.add([5, 6, 7 + i], Sampling(seed=i, max_tokens=40)) for i in range(2)]
    batch.step(3)
    sink = batch.write(prompt, Sampling(temperature=0.7, top_p=0.9, seed=3, max_tokens=30))
    assert all(len(other.tokens) == 40 for other in others)
    given = [token.logprob for token in sink.tokens]
    assert given == pytest.approx(expected_logprobs(policies, prompt, sink.ids), abs=ROUNDING)


def test_a_seeded_answer_is_the_same_alone_and_in_company(batch: Any) -> None:
    sampling = Sampling(seed=11, max_tokens=40)
    alone = batch.write(SHORT, sampling)
    batch.add(LONG, Sampling(seed=1, max_tokens=60))
    batch.step(2)
    accompanied = batch.add(SHORT, sampling)
    batch.add(SHORT[:20], Sampling(seed=2, max_tokens=10))
    batch.finish()
    assert accompanied.ids == alone.ids


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are sampled at once, as on a GPU."""
    monkeypatch.setattr(
        scheduler, "sample", lambda each, found, together: sample(each, found, True)
    )


@pytest.mark.usefixtures("together")
def test_sampled_together_nothing_depends_on_the_company(batch: Any, policies: Path) -> None:
    test_a_seeded_answer_is_the_same_alone_and_in_company(batch)
    test_logprobs_equal_a_plain_forward_pass(batch, policies, SHORT)


@pytest.mark.usefixtures("together")
def test_a_row_with_penalties_is_sampled_beside_those_together(batch: Any) -> None:
    plain = Sampling(temperature=0, max_tokens=20)
    alone = [batch.write(SHORT, each) for each in (plain, replace(plain, frequency_penalty=1.5))]
    both = [batch.add(SHORT, each) for each in (plain, replace(plain, frequency_penalty=1.5))]
    batch.finish()
    assert [sink.ids for sink in both] == [sink.ids for sink in alone]
    assert alone[0].ids != alone[1].ids


def test_answers_without_a_seed_differ(batch: Any) -> None:
    sampling = Sampling(max_tokens=20)
    assert batch.write(SHORT, sampling).ids != batch.write(SHORT, sampling).ids


def test_a_new_response_joins_at_the_next_step_and_an_ended_one_leaves(batch: Any) -> None:
    long = batch.add(SHORT, Sampling(max_tokens=50))
    batch.step(2)
    short = batch.add([5, 6, 7], Sampling(max_tokens=2))
    assert batch.step(2) == 1
    assert (len(short.tokens), len(long.tokens)) == (2, 4)
    assert batch.computed == [30, 1, 1 + 3, 1 + 1]
    batch.step()
    assert batch.computed[-1] == 1


def test_a_long_prompt_lets_running_responses_go_on(batch: Any) -> None:
    running = batch.add(SHORT, Sampling(max_tokens=50))
    batch.step()
    late = batch.add(LONG, Sampling(max_tokens=5))
    batch.step(3)
    assert (len(running.tokens), len(late.tokens)) == (4, 1)
    assert batch.computed == [30, 1 + PREFILL_TOKENS, 1 + PREFILL_TOKENS, 1 + 50]


def test_choices_of_one_prompt_compute_it_once(batch: Any) -> None:
    choices = [batch.add(SHORT, Sampling(seed=i, max_tokens=3)) for i in range(4)]
    batch.finish()
    assert batch.computed[:2] == [30, 1 + 3]
    assert len({tuple(choice.ids) for choice in choices}) > 1


def test_the_next_turn_computes_only_what_is_new(batch: Any) -> None:
    answer = batch.write(SHORT, Sampling(seed=0, max_tokens=10))
    batch.computed.clear()
    batch.write([*SHORT, *answer.ids, 50, 51, 52], Sampling(max_tokens=1))
    assert batch.computed == [1 + 3]  # the answer's last token was never read before


def test_a_next_turn_from_kept_values_is_the_same_as_computed_afresh(
    batch: Any, policies: Path
) -> None:
    answer = batch.write(SHORT, Sampling(seed=0, max_tokens=10))
    prompt = [*SHORT, *answer.ids, *range(60, 90)]
    sink = batch.write(prompt, Sampling(temperature=0, max_tokens=10))
    given = [token.logprob for token in sink.tokens]
    assert given == pytest.approx(expected_logprobs(policies, prompt, sink.ids), abs=ROUNDING)


def test_more_responses_than_places_wait_for_one(batch: Any) -> None:
    sinks = [batch.add([5, 6, 7 + i], Sampling(max_tokens=3)) for i in range(5)]
    batch.step(3)
    assert [len(sink.tokens) for sink in sinks] == [3, 3, 3, 3, 0]
    batch.finish()
    assert sinks[4].finish_reason == "length"


def test_it_says_how_busy_it_is(batch: Any) -> None:
    for i in range(5):
        batch.add([5, 6, 7 + i], Sampling(max_tokens=3))
    batch.step()
    busy = batch.occupancy
    assert (busy.running, busy.waiting) == (4, 1)
    assert busy.cache_used == 4 * batch.pool.size <= busy.cache_capacity
    batch.finish()
    assert (batch.occupancy.running, batch.occupancy.cache_used) == (0, 0)


def test_a_cancelled_response_leaves_before_the_next_step(batch: Any) -> None:
    running = batch.add(SHORT, Sampling(max_tokens=50))
    batch.step(2)
    running.cancelled = True
    waiting = batch.add([5, 6], Sampling(max_tokens=50))
    waiting.cancelled = True
    other = batch.add([7, 8], Sampling(max_tokens=1))
    assert batch.step() == 3
    assert (len(running.tokens), len(waiting.tokens), len(other.tokens)) == (2, 0, 1)


def test_the_end_of_sequence_is_a_token_without_text(batch: Any) -> None:
    free = batch.write(SHORT, Sampling(temperature=0, max_tokens=10))
    batch.end_ids = frozenset({free.ids[4]})
    length = free.ids.index(free.ids[4]) + 1
    sink = batch.write(SHORT, Sampling(temperature=0, max_tokens=10))
    assert sink.ids == free.ids[:length]
    assert sink.tokens[-1].text == ""
    assert sink.tokens[-1].logprob < 0
    assert sink.finish_reason == "stop"


def test_an_ignored_end_of_sequence_ends_nothing(batch: Any) -> None:
    free = batch.write(SHORT, Sampling(temperature=0, max_tokens=10)).ids
    batch.end_ids = frozenset({free[3]})
    plain = Sampling(temperature=0, max_tokens=10)
    assert len(batch.write(SHORT, plain).ids) == free.index(free[3]) + 1
    assert batch.write(SHORT, replace(plain, ignore_eos=True)).ids == free


def test_a_failed_step_gives_its_blocks_back(batch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def out_of_memory(*_: Any) -> None:
        raise MemoryError

    free = batch.pool.free
    for _ in range(20):
        sink = batch.add(SHORT, Sampling(max_tokens=50))
        batch.step()
        with monkeypatch.context() as patched, pytest.raises(MemoryError):
            patched.setattr(batch, "predict", out_of_memory)
            batch.step()
        assert batch.fail(RuntimeError("out of memory")) == 1
        assert sink.error is not None
        assert batch.pool.free == free
    assert len(batch.write(SHORT, Sampling(max_tokens=5)).tokens) == 5
