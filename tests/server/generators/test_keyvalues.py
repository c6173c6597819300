"""What was computed for one sequence is kept, copied and handed on rightly."""

import torch

from server.generators.keyvalues import BLOCK, Geometry, KeyValues, PrefixStore, common

GEOMETRY = Geometry(layers=2, heads=1, dim=4, dtype=torch.float32, device=torch.device("cpu"))


def filled(tokens: list[int]) -> KeyValues:
    """Keys and values that equal their token."""
    kv = KeyValues(GEOMETRY)
    kv.reserve(len(tokens))
    for layer in range(2):
        kv.write(layer, torch.tensor(tokens, dtype=torch.float32)[None, None, :, None])
    kv.advance(tokens)
    return kv


def first_keys(kv: KeyValues) -> list[float]:
    return [float(value) for value in kv.store[1, 0, 0, : kv.length, 0]]


def test_growing_keeps_what_is_stored() -> None:
    kv = filled([1, 2, 3])
    kv.reserve(BLOCK + 1)
    assert kv.room == 2 * BLOCK
    assert first_keys(kv) == [1, 2, 3]


def test_a_prefix_is_a_copy() -> None:
    kv = filled([1, 2, 3])
    copy = kv.prefix(2)
    kv.store.zero_()
    assert (copy.tokens, first_keys(copy)) == ([1, 2], [1, 2])


def test_a_next_turn_takes_the_ended_one_over() -> None:
    store = PrefixStore(GEOMETRY, BLOCK * 4)
    ended = filled([1, 2, 3])
    store.keep(ended)
    assert store.begin([1, 2, 3, 4], []) is ended
    assert store.begin([1, 2, 3, 4], []).length == 0


def test_another_branch_copies_and_leaves_the_rest() -> None:
    store = PrefixStore(GEOMETRY, BLOCK * 4)
    ended = filled([1, 2, 3])
    store.keep(ended)
    assert store.begin([1, 2, 7, 8], []).tokens == [1, 2]
    assert store.begin([1, 2, 3, 4], []) is ended


def test_the_last_prompt_token_is_always_left_to_compute() -> None:
    store = PrefixStore(GEOMETRY, BLOCK * 4)
    store.keep(filled([1, 2, 3]))
    assert store.begin([1, 2, 3], []).tokens == [1, 2]


def test_a_running_sequence_is_copied() -> None:
    running = filled([1, 2, 3])
    begun = PrefixStore(GEOMETRY, 0).begin([1, 2, 3, 4], [running])
    assert begun is not running
    assert first_keys(begun) == [1, 2, 3]


def test_the_oldest_are_dropped_when_the_limit_is_reached() -> None:
    store = PrefixStore(GEOMETRY, BLOCK * 2)
    for token in (1, 2, 3):
        store.keep(filled([token, 9]))
    lengths = [store.begin([token, 9, 9], []).length for token in (1, 2, 3)]
    assert lengths == [0, 2, 2]


def test_common_beginnings() -> None:
    assert [common([1, 2], other) for other in ([], [1], [1, 2, 3], [2])] == [0, 1, 2, 0]
