"""The function for open-webui: ratings in its table become feedback here."""

import importlib.util
import sys
import types
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from chat_service import eventually, keys, listen, new_services
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from tutelage.composition import Core

FILE = Path(__file__).parents[2] / "deploy" / "open-webui" / "tutelage_feedback.py"


class Base(DeclarativeBase):
    """open-webui's."""


class Feedback(Base):
    """open-webui's table of ratings."""

    __tablename__ = "feedback"

    id: Mapped[str] = mapped_column(primary_key=True)
    data: Mapped[Any] = mapped_column(sa.JSON)
    meta: Mapped[Any] = mapped_column(sa.JSON)
    snapshot: Mapped[Any] = mapped_column(sa.JSON)


def function(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The function as open-webui loads it."""
    for name in ("open_webui", "open_webui.models", "open_webui.models.feedbacks"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setattr(
        sys.modules["open_webui.models.feedbacks"], "Feedback", Feedback, raising=False
    )
    spec = importlib.util.spec_from_file_location("tutelage_feedback", FILE)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Filter()


def rating(prompt: str, response: str, value: int, comment: str = "") -> Feedback:
    messages = {
        "u": {"parentId": None, "role": "user", "content": prompt},
        "a": {"parentId": "u", "role": "assistant", "content": response},
    }
    return Feedback(
        id=f"{response}{value}",
        data={"rating": value, "reason": None, "comment": comment, "sibling_model_ids": None},
        meta={"message_id": "a", "chat_id": "c", "arena": False},
        snapshot={"chat": {"chat": {"history": {"messages": messages}}}},
    )


def test_ratings_arrive_as_thumbs_on_the_response(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = sa.create_engine("sqlite://")
    Base.metadata.create_all(engine)
    secret = keys(core)["user"]
    with listen(new_services(core)) as address:
        client = httpx.Client(base_url=address, headers={"authorization": f"Bearer {secret}"})
        body = {"model": "tutelage", "messages": [{"role": "user", "content": "Say it"}]}
        asked = client.post("/v1/chat/completions", json=body).json()
        forward = function(monkeypatch)
        forward = function(monkeypatch)  # loaded again: each rating is still sent once
        forward.valves.url, forward.valves.key = address, secret

        def given() -> list[Any]:
            found: list[Any] = client.get("/v1/feedback").json()["data"]
            return found

        with Session(engine) as session:
            session.add(rating("Say it", "Say it", 1, "Short."))
            session.add(rating("Say it", "what another model said", -1))
            session.commit()
            assert eventually(lambda: len(given()) == 1)
            [thumb] = given()
            assert thumb["target"] == asked["tutelage"]["message_ids"][0]
            assert (thumb["value"]["value"], thumb["value"]["comment"]) == ("up", "Short.")
            row = session.get(Feedback, "Say it1")
            assert row is not None
            row.data = {**row.data, "rating": -1}
            session.commit()
        assert eventually(lambda: given()[0]["value"]["value"] == "down" and len(given()) == 1)


def test_what_is_no_rating_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    forward = function(monkeypatch)
    for row in ({}, {"data": None, "meta": {}, "snapshot": None}, {"data": {"rating": 5}}):
        forward.rated(row)
