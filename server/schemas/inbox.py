"""The inbox: what became of one's feedback, reports and appeals."""

from typing import Any

from pydantic import BaseModel, Field

from server.schemas.text import Body, Name, Shape
from tutelage.tables import NewsKind


class NewsItem(Shape):
    """One thing that became of what the user said. ``details`` by kind: taught {policy_id, trained,
    measured}; report {state, answer, again}; appeal {state, answer}."""

    id: str
    kind: NewsKind
    subject: str = Field(description="The id of the iteration, report or appeal.")
    conversation_id: str | None
    details: dict[str, Any]
    created_at: float
    read_at: float | None


class UnreadCount(BaseModel):
    """How much of the inbox is unread."""

    unread: int


class ReadRequest(Body):
    """Everything up to this is read."""

    newest: Name


class MailState(BaseModel):
    """Where digests of the inbox go."""

    available: bool = Field(description="Whether this service sends e-mail.")
    address: str | None
    confirmed: bool = Field(description="Whether the code from the first e-mail was entered.")


class MailRequest(Body):
    """An address to send digests to, at most one a day."""

    address: Name


class MailCode(Body):
    """The code that was sent to the address."""

    code: Name
