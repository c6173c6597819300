import importlib
import tomllib
from pathlib import Path

import pytest

from tutelage import extras
from tutelage.errors import Unavailable
from tutelage.store import Store

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
DECLARED = {name: set(needs) for name, needs in PROJECT["optional-dependencies"].items()}


def test_every_extra_says_what_it_makes_importable() -> None:
    assert extras.MODULES.keys() == DECLARED.keys() - {"dev"}


@pytest.mark.parametrize("extra", extras.MODULES)
def test_what_an_extra_promises_is_importable_after_its_install(extra: str) -> None:
    assert DECLARED[extra] <= DECLARED["dev"]  # so that it is installed where the tests run
    assert len(extras.MODULES[extra]) == len(DECLARED[extra])
    for module in extras.MODULES[extra]:
        importlib.import_module(module)
    extras.require(extra)


def test_a_missing_module_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(Unavailable, match=r"psycopg is missing.*tutelage\[postgres\]"):
        Store("postgresql://nowhere/none")
