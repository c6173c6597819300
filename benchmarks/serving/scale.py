"""How pages do with very many messages, on SQLite or PostgreSQL.

    tutelage bench scale --json
    tutelage bench scale --messages 100000 --folder DIR
    tutelage bench scale --database-url postgresql+psycopg://USER@HOST/EMPTY

A database with that many messages over 90 days is written (into a temporary folder where none is
named; one that is filled is used again). The service starts and takes the counts that pages show
first; then one operator, and one person for the pages of the chat, ask for each page twenty times.
The first answer of the others may be a count over all rows; later ones are kept counts
(server/kept.py).
"""

import argparse
import json
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from common import tell
from fastapi.testclient import TestClient
from sqlalchemy import text, update
from sqlmodel import col, select

from moderation.categories import zero_scores
from moderation.classifier import KeywordClassifier
from moderation.rules import ModerationRules
from server.app import create_app
from server.generators.echo import EchoGenerator
from server.services import Services
from tutelage.composition import Core, open_core
from tutelage.people import people
from tutelage.policies import deployment
from tutelage.settings import Settings
from tutelage.tables import Conversation, Placing, Role, User

DAYS, PEOPLE, TURNS, POLICIES, TOKENS = 90, 1000, 5, 3, 60
ASKED = 20
FIRST_PLACE = 10_000
PAGES = (
    "traffic?hours=1", "traffic?hours=24", "traffic?hours=168",
    "opinions?days=7", "opinions?days=30", "opinions?days=365",
    "answers", "judgements", "summary", "moderation", "users", "reports",
)  # fmt: skip
OWN_PAGES = ("conversations", "conversations?q=river+green", "conversations/{chat}")
WARM = ("traffic?hours=168", "opinions?days=30", "summary")  # counted before anybody asks
WORDS = ("river", "green", "tea", "walk", "loop", "python", "letter", "dinner", "plan", "why")


def fill(core: Core, messages: int, judged: float = 0.1) -> None:
    """People, chats of TURNS turns with responses of TOKENS tokens, verdicts, and thumbs.

    ``judged`` is the share of responses with a thumb.
    """
    noise, chats = random.Random(0), messages // (2 * TURNS)
    with core.store.write() as session:
        owners = [people.create_user(session, f"person {n}", Role.USER).id for n in range(PEOPLE)]
    for n in range(POLICIES):
        publish(core, f"policy-{n:04}")
    made = written(noise, owners, chats, time.time(), judged)
    while some := list(islice(made, 2000)):
        with core.store.write() as session:
            for name in some[0]:
                rows = [row for chat in some for row in chat[name]]
                if rows:
                    columns = ", ".join(rows[0])
                    marks = ", ".join(f":{column}" for column in rows[0])
                    session.execute(text(f"INSERT INTO {name} ({columns}) VALUES ({marks})"), rows)
    with core.store.write() as session:
        session.execute(update(Placing).values(last=FIRST_PLACE + 4 * messages))


def publish(core: Core, policy_id: str) -> None:
    """A policy directory without a model."""

    def build(folder: Path) -> None:
        (folder / "card.md").write_text("# A policy\n")

    core.library.publish(policy_id, build, {})
    with core.store.write() as session:
        deployment.register(session, policy_id, core.library.manifest_sha256(policy_id))
        deployment.promote(session, policy_id, "bench")


def written(
    noise: random.Random, owners: Sequence[str], chats: int, now: float, judged: float
) -> Iterator[dict[str, list[dict[str, Any]]]]:
    """The rows of each chat by table, oldest first; JSON is text here, which is much faster."""
    scores, place = json.dumps(zero_scores()), FIRST_PLACE
    texts = [" ".join(noise.choices(WORDS, k=TOKENS)) for _ in range(1000)]
    ids = [json.dumps(noise.choices(range(49_152), k=TOKENS)) for _ in range(1000)]
    logprobs = [json.dumps([round(-noise.random(), 6) for _ in range(TOKENS)]) for _ in range(1000)]
    for n in range(chats):
        at = now - DAYS * 86_400 * (1 - n / chats)
        policy_id = f"policy-{n * POLICIES // chats:04}"
        chat, owner, parent = row_id("conv", at, n), noise.choice(owners), None
        rows: dict[str, list[dict[str, Any]]] = {
            "conversation": [], "message": [], "moderationrecord": [], "feedback": []
        }  # fmt: skip
        for turn in range(2 * TURNS):
            place += 3
            answer, words = turn % 2 == 1, noise.choice(texts)
            name = row_id("msg", at, place)
            rows["message"].append(
                {"id": name, "conversation_id": chat, "parent_id": parent, "content": words,
                 "folded": words, "created_at": at, "seq": place,
                 "role": "assistant" if answer else "user",
                 "completion_id": row_id("chatcmpl", at, place) if answer else None,
                 "policy_id": policy_id if answer else None,
                 "sampling": '{"temperature": 0.7}' if answer else None,
                 "token_ids": noise.choice(ids) if answer else None,
                 "logprobs": noise.choice(logprobs) if answer else None,
                 "prompt_tokens": 200 if answer else None,
                 "finish_reason": ("stop" if turn % 99 else "error") if answer else None,
                 "first_text_seconds": noise.random() if answer else None,
                 "seconds": 9 * noise.random() if answer else None}
            )  # fmt: skip
            rows["moderationrecord"].append(
                {"id": row_id("modr", at, place), "message_id": name, "classifier": "bench",
                 "scores": scores, "thresholds": scores, "categories": "[]", "withheld": "",
                 "action": "warn" if noise.random() < 0.01 else "pass", "created_at": at,
                 "seq": place + 1}
            )  # fmt: skip
            if answer and noise.random() < judged:
                value = json.dumps({"value": noise.choice(["up", "down"]), "reasons": []})
                rows["feedback"].append(
                    {"id": row_id("fb", at, place), "kind": "thumbs", "author_id": owner,
                     "target": name, "conversation_id": chat, "policy_id": policy_id,
                     "created_at": at, "value": value, "seq": place + 2}
                )  # fmt: skip
            parent = name
        rows["conversation"].append(
            {"id": chat, "owner_id": owner, "purpose": "chat", "title": "A chat",
             "folded": "a chat", "training": True, "created_at": at, "updated_at": at, "seq": place}
        )  # fmt: skip
        yield rows


def row_id(prefix: str, at: float, number: int) -> str:
    """An id that begins with its time, as those of the store do."""
    return f"{prefix}_{int(at * 1e9):016x}{number:08x}"


def pages(core: Core) -> dict[str, str]:
    """Milliseconds of ASKED requests of each page: the first, the median, the 95th percentile."""
    with core.store.write() as session:
        operator = people.create_user(session, "operator", Role.OPERATOR)
        chat = session.exec(select(Conversation).order_by(col(Conversation.seq).desc())).first()
        assert chat is not None
        owner = session.get_one(User, chat.owner_id)
        asking = [(f"/v1/operator/{page}", operator) for page in PAGES]
        asking += [(f"/v1/{page}".format(chat=chat.id), owner) for page in OWN_PAGES]
        keys = {user.id: people.create_key(session, user, "bench")[1] for _, user in asking}
    services = Services(
        settings=core.settings, store=core.store, library=core.library,
        iterations_folder=core.iterations, generator=EchoGenerator(policy_id=None),
        classifier=KeywordClassifier({}), moderation=ModerationRules(),
    )  # fmt: skip
    measured = {}
    with TestClient(create_app(services)) as client:

        def ask(page: str, user: User) -> float:
            began = time.perf_counter()
            answer = client.get(page, headers={"authorization": f"Bearer {keys[user.id]}"})
            assert answer.status_code == 200, answer.text
            return 1000 * (time.perf_counter() - began)

        for page in WARM:
            ask(f"/v1/operator/{page}", operator)
        for page, user in asking:
            took = [ask(page, user) for _ in range(ASKED)]
            median, p95 = np.quantile(took, (0.5, 0.95))
            name = page.removeprefix("/v1/").removeprefix("operator/").replace(chat.id, "one")
            measured[name] = f"first {took[0]:.0f}, median {median:.0f}, p95 {p95:.0f}"
    return measured


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--database-url", default="", help="PostgreSQL instead of SQLite")
    parser.add_argument("--json", action="store_true", help="also print JSON, on the last line")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        core = open_core(Settings(data=folder, rate_limit=0, database_url=options.database_url))
        with core.store.read() as session:
            filled = session.exec(select(Conversation.id).limit(1)).first()
        if not filled:
            fill(core, options.messages)
        tell(pages(core), options.json)
        core.store.close()


if __name__ == "__main__":
    main()
