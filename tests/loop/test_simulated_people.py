"""Simulated people use the real API: their judgements arrive, and they are the same each time."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
import uvicorn
from click.testing import Result
from loop_folder import copied
from sqlmodel import select
from typer.testing import CliRunner

from moderation.rules import ModerationRules
from server.app import create_app
from server.generators.echo import EchoGenerator
from server.services import Services
from training.demo.preferences import PREFERENCES, Preference
from training.demo.simulated_users import DemoPrompt, Habits, ask, shipped_prompts, teach
from tutelage.cli import app
from tutelage.composition import Core
from tutelage.errors import Forbidden, Unavailable
from tutelage.feedback.preference_data import learnable, read
from tutelage.people import accounts, people
from tutelage.tables import Feedback, FeedbackKind, User

PROMPTS = [DemoPrompt(f"p-{i}", "I like this " + "very " * i + "much.") for i in range(6)]
HABITS = Habits(responses=3, max_tokens=40, thumbs=0.5)
LONGER = Preference("longer", "longer answers", len)


def quiet(what: str, done: int, total: int) -> None:
    """Shows nothing."""


@contextmanager
def listening(core: Core) -> Iterator[str]:
    """The API on a free port, with a generator that repeats what it is told."""
    services = Services(
        core.settings.model_copy(update={"rate_limit": 0}), core.store, core.library,
        core.iterations, EchoGenerator(policy_id=None), None, ModerationRules(),
    )  # fmt: skip
    config = uvicorn.Config(create_app(services), port=0, log_level="error")
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)


@pytest.fixture
def url(core: Core) -> Iterator[str]:
    with listening(core) as url:
        yield url


@pytest.fixture
def keys(core: Core) -> list[str]:
    with core.store.write() as session:
        users = [people.create_user(session, name) for name in ("eve", "fay")]
        return [people.create_key(session, user, user.name)[1] for user in users]


def given(core: Core, names: tuple[str, ...] = ("eve", "fay")) -> list[Feedback]:
    """The feedback of the simulated people."""
    with core.store.read() as session:
        owners = {user.id for user in session.exec(select(User)) if user.name in names}
        rows = session.exec(select(Feedback).order_by(Feedback.id)).all()
        return [row for row in rows if row.author_id in owners]


def test_what_they_say_arrives_as_feedback(core: Core, url: str, keys: list[str]) -> None:
    taught = teach(url, keys, LONGER, PROMPTS, HABITS, quiet)
    kinds = Counter(row.kind for row in given(core))
    assert taught.conversations == taught.rankings == len(PROMPTS)
    assert kinds == {"ranking": taught.rankings, "thumbs": taught.thumbs}
    assert taught.thumbs > 0


def test_the_work_is_dealt_out_among_them(core: Core, url: str, keys: list[str]) -> None:
    teach(url, keys, LONGER, PROMPTS, HABITS, quiet)
    rankings = [row.author_id for row in given(core) if row.kind == FeedbackKind.RANKING]
    assert sorted(Counter(rankings).values()) == [3, 3]


def test_who_asks_to_be_asked_back_shows_how_by_editing(
    core: Core, url: str, keys: list[str]
) -> None:
    taught = teach(url, keys, PREFERENCES["asks-back"], PROMPTS[:1], HABITS, quiet)
    edits = [row.value["text"] for row in given(core) if row.kind == FeedbackKind.EDIT]
    assert len(edits) == taught.edits == PREFERENCES["asks-back"].demonstrations
    assert all(text.rstrip('"').endswith("?") for text in edits)


def test_their_judgements_can_be_learned_from(core: Core, url: str, keys: list[str]) -> None:
    teach(url, keys, LONGER, PROMPTS, HABITS, quiet)
    with core.store.read() as session:
        first_user_messages = {
            judgement.first_user_message for judgement in learnable(read(session))
        }
    assert {prompt.text for prompt in PROMPTS} <= first_user_messages


def test_answers_come_in_order_with_the_policy_that_gave_them(url: str, keys: list[str]) -> None:
    responses = ask(url, keys[0], PROMPTS, 2, HABITS, quiet)
    assert [response.prompt.id for response in responses] == [
        p.id for p in PROMPTS for _ in range(2)
    ]
    assert {response.policy_id for response in responses} == {"policy-0000"}


def test_asking_judges_nothing(core: Core, url: str, keys: list[str]) -> None:
    ask(url, keys[0], PROMPTS, 1, HABITS, quiet)
    assert given(core) == []


def test_progress_is_told(url: str, keys: list[str]) -> None:
    steps: list[tuple[str, int, int]] = []
    teach(url, keys, LONGER, PROMPTS, HABITS, lambda *step: steps.append(step))
    assert steps[-1] == ("judging", 6, 6)


def test_an_unknown_key_is_refused_in_words(url: str) -> None:
    with pytest.raises(Forbidden, match="does not know this API key"):
        teach(url, ["tk-wrong"], LONGER, PROMPTS, HABITS, quiet)


def test_a_service_that_is_not_there_is_named(keys: list[str]) -> None:
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1 cannot be reached"):
        ask("http://127.0.0.1:1", keys[0], PROMPTS, 1, HABITS, quiet)


def simulate(core: Core, **environment: str) -> Result:
    asked = ["simulate", "--users", "2", "--prompts", "2", "--data", str(core.settings.data)]
    return CliRunner().invoke(app, asked, env=environment)


def simulated(core: Core) -> list[tuple[str, bool]]:
    """The simulated users, and whether their keys still work."""
    with core.store.read() as session:
        users = session.exec(select(User).order_by(User.seq)).all()
        return [
            (user.name, any(not key.revoked_at for key in accounts.keys_of(session, user.id)))
            for user in users
            if user.name.startswith("simulated")
        ]


def test_a_simulation_ends_with_no_key_that_works(core: Core, url: str) -> None:
    port = url.rpartition(":")[2]
    for _ in range(2):
        assert simulate(core, TUTELAGE_PORT=port).exit_code == 0
    assert simulated(core) == [(f"simulated {n}", False) for n in range(1, 5)]


def test_a_simulation_without_a_service_makes_nobody(core: Core) -> None:
    failed = simulate(core, TUTELAGE_PORT="1").exception
    assert isinstance(failed, Unavailable) and "127.0.0.1:1" in failed.message
    assert simulated(core) == []


def test_a_simulation_that_fails_leaves_nobody(core: Core, url: str, tmp_path: Path) -> None:
    other = copied(core.settings.data, tmp_path / "other")
    failed = simulate(other, TUTELAGE_PORT=url.rpartition(":")[2]).exception
    assert isinstance(failed, Forbidden)
    assert simulated(other) == []


def test_the_shipped_prompts_are_many_and_different() -> None:
    texts = [prompt.text for prompt in shipped_prompts()]
    assert len(set(texts)) == len(texts) > 300
