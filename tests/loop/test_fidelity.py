"""The base policy beside transformers in float32; a taught one is held to it in the smoke loop."""

from pathlib import Path

import pytest
from loop_folder import assert_faithful

from tutelage.errors import Unavailable
from tutelage.policies import base

pytestmark = pytest.mark.loop


def test_the_base_policy_is_served_as_it_is(tmp_path: Path) -> None:
    try:
        base.build(tmp_path)
    except Unavailable as missing:
        pytest.skip(missing.message)
    for weights in ("f16", "bf16"):
        assert_faithful(tmp_path, weights)
