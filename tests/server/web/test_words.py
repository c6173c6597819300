"""The web UI has words, which are translated, for each name that the service gives to a thing."""

import re
from pathlib import Path
from typing import get_args

import pytest

from server.schemas.openai.chat import FinishReason
from training.evaluation import gate
from training.evaluation.limitations import suite
from tutelage.chat import running_turns
from tutelage.installation.saved_settings import EDITABLE
from tutelage.settings import Settings
from tutelage.tables import (
    AppealState,
    ExperimentKind,
    ExperimentState,
    FeedbackKind,
    IterationState,
    PolicyState,
    ReportState,
    Role,
    Scope,
)

ROOT = Path(__file__).parents[3]
UI = ROOT / "frontend" / "src"
PRESETS = [file.stem for file in (ROOT / "training" / "presets").glob("*.toml")]
ENTRY = re.compile(r"""^ {2}"?([^":]+)"?: t\((["'])(.*)\2\),$""", re.MULTILINE)


def words(file: str, table: str) -> dict[str, str]:
    """The English texts of a table of the UI, by name."""
    source = (UI / file).read_text(encoding="utf-8")
    body = source.split(f"export const {table}: Record<string, string> = {{")[1].split("\n};")[0]
    return {name: text for name, _, text in ENTRY.findall(body)}


CHECKS = re.findall(
    r'(?:at_most|at_least|above|Check)\(\s*"([^"]+)"', Path(gate.__file__).read_text()
)


@pytest.mark.parametrize(
    "names",
    [AppealState, ExperimentKind, ExperimentState, FeedbackKind, IterationState, PolicyState,
     ReportState, Role, Scope, suite.NAMES, [rise[0] for rise in gate._RISES],
     [gate.GAIN, gate.WINS, gate.WINS_AT_EQUAL_LENGTH, gate.HARM], CHECKS, PRESETS,
     [*get_args(FinishReason), running_turns.BROKEN]],
)  # fmt: skip
def test_each_name_has_words(names):
    assert len(list(names)) > 1
    assert [name for name in map(str, names) if name not in words("names.ts", "NAMES")] == []


def test_each_setting_is_described_as_the_service_does():
    about = words("pages/operator/settings/texts.ts", "ABOUT")
    expected = {name: field.description for name, field in Settings.model_fields.items()}
    assert about == expected
    assert set(words("pages/operator/settings/texts.ts", "TITLES")) == set(EDITABLE)


def test_each_choice_of_a_setting_has_words():
    known = words("names.ts", "NAMES")
    schema = Settings.model_json_schema()["properties"]
    choices = [each for name in EDITABLE for each in schema[name].get("enum", [])]
    assert choices
    assert [each for each in choices if each not in known] == []
