"""The base policy in bfloat16 beside transformers in float32.

A taught one is held to it in the smoke loop, in both types.
"""

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
    assert_faithful(tmp_path, "bf16")
