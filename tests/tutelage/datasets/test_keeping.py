"""An imported data set is a source: licensed, resumed, learned from under its name, erased."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from training import derivation
from training.config import SnapshotConfig
from training.snapshot import Snapshot
from tutelage import audit
from tutelage.chat import conversations
from tutelage.composition import Core, open_core
from tutelage.datasets import keeping, reading, writing
from tutelage.datasets.reading import ImportReport
from tutelage.errors import Conflict, Invalid, NotFound
from tutelage.feedback import feedback, preference_data
from tutelage.people import people
from tutelage.settings import Settings
from tutelage.tables import Dataset, FeedbackKind

PAIRS = [{"prompt": f"Question {n}?", "chosen": "Yes.", "rejected": "No."} for n in range(5)]
CONTENT = "\n".join(map(json.dumps, PAIRS)).encode()


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    core = open_core(Settings(data=tmp_path / "data"))
    yield core
    core.store.close()


def begin(core: Core, name: str = "pairs", licence: str = "MIT") -> tuple[Dataset, ImportReport]:
    _, report = reading.read(CONTENT, None)
    with core.store.write() as session:
        return keeping.begin(session, name, licence, "somewhere", report, "ada"), report


def imported(core: Core) -> Dataset:
    dataset, _ = begin(core)
    keeping.keep(core.store, dataset, reading.read(CONTENT, None)[0])
    return dataset


def taken(core: Core, config: SnapshotConfig = SnapshotConfig()) -> Snapshot:
    with core.store.read() as session:
        return derivation.derive(preference_data.read(session), config)


def test_a_snapshot_holds_it_under_its_name(core: Core) -> None:
    imported(core)
    rows = taken(core).rankings
    assert {row["source"] for row in rows} == {"pairs"}
    assert {(tuple(row["responses"]), tuple(row["ranks"])) for row in rows} == {
        (("Yes.", "No."), (0, 1))
    }


def test_imported_prompts_only_fill_up_peoples_own(core: Core) -> None:
    imported(core)
    with core.store.write() as session:
        chat = conversations.start(session, people.create_user(session, "ada").id, training=True)
        conversations.append(session, chat, None, "user", "Mine?")
    prompts = taken(core, SnapshotConfig(imported_prompts=3)).prompts
    assert [row["source"] for row in prompts] == ["", "pairs", "pairs"]
    assert len(taken(core, SnapshotConfig(imported_prompts=1)).prompts) == 1


def test_one_that_was_broken_off_goes_on(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, _ = begin(core)
    examples, _ = reading.read(CONTENT, None)
    monkeypatch.setattr(keeping, "STEP", 2)

    def cut(done: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        keeping.keep(core.store, dataset, examples, cut)
    again, _ = begin(core)
    assert (again.id, again.kept) == (dataset.id, 4)
    assert keeping.keep(core.store, again, examples) == 1
    assert len(taken(core).rankings) == len(PAIRS)


def test_it_needs_a_name_and_a_licence_and_comes_once(core: Core) -> None:
    with pytest.raises(Invalid, match="licence"):
        begin(core, licence=" ")
    imported(core)
    with pytest.raises(Conflict, match="as 'pairs'"):
        begin(core, name="again")


def test_erasing_it_leaves_nothing(core: Core) -> None:
    imported(core)
    assert keeping.erase(core.store, core.iterations, "pairs", "ada") == []
    assert taken(core).rankings == []
    with core.store.read() as session:
        assert keeping.listed(session) == []
        assert audit.verify(session) == []
    with pytest.raises(NotFound):
        keeping.erase(core.store, core.iterations, "pairs", "ada")


def test_what_holds_a_text_is_erased_alone(core: Core) -> None:
    imported(core)
    assert keeping.erase_containing(core.store, core.iterations, "pairs", "question 3", "ada") == (
        1,
        [],
    )
    assert len(taken(core).rankings) == len(PAIRS) - 1


@pytest.mark.parametrize("text", ["QUESTION   3", "qu\u00e9stion 3", "Qu\u00adestion\n3"])
def test_erasure_by_words_misses_no_spelling(core: Core, text: str) -> None:
    imported(core)
    assert keeping.erase_containing(core.store, core.iterations, "pairs", text, "ada") == (1, [])


@pytest.mark.parametrize("text", ["a\u0301b", "\u200b\u200b\u200b", "  a ", "x" * 20_000])
def test_erasure_by_words_needs_words(core: Core, text: str) -> None:
    imported(core)
    with pytest.raises(Invalid, match="characters"):
        keeping.erase_containing(core.store, core.iterations, "pairs", text, "ada")


def test_people_and_sources_are_written_apart(core: Core) -> None:
    imported(core)
    with core.store.write() as session:
        chat = conversations.start(session, people.create_user(session, "ada").id, training=True)
        prompt = conversations.append(session, chat, None, "user", "Mine?")
        said = conversations.append(session, chat, prompt.id, "assistant", "Well.")
        better = {"text": "Yes, yours."}
        feedback.record(session, chat.owner_id, FeedbackKind.EDIT, [said], better, said.id)
    (mine,) = writing.export(core.store, "trl", writing.PEOPLE, "ada").lines
    theirs = writing.export(core.store, "trl", "pairs", "ada").lines
    assert json.loads(mine)["chosen"] == [{"role": "assistant", "content": "Yes, yours."}]
    assert len(theirs) == len(PAIRS)
    assert chat.owner_id not in mine
