"""E-mail: an address is confirmed by its code, and gets a digest at most once a day."""

import smtplib
from email.message import EmailMessage
from typing import Any, ClassVar

import pytest
from chat_service import HOME, ChatService, new_services, serve, sign_up
from sqlmodel import select

from tutelage.chat import inbox
from tutelage.composition import Core
from tutelage.errors import Unavailable
from tutelage.maintenance import mail
from tutelage.people import people
from tutelage.tables import MailSubscription, NewsKind, User

PATH = "/v1/account/mail"
PIA = "pia@example.org"
DAY = mail.A_DAY


class Post(smtplib.SMTP):
    """A mail server that keeps what it gets and speaks STARTTLS."""

    got: ClassVar[list[EmailMessage]] = []
    said: ClassVar[list[str]] = []

    def __init__(self, host: str, port: int, timeout: float) -> None:
        Post.said = [f"{host}:{port}"]

    def ehlo(self, name: str = "") -> Any:
        return 250, b""

    def has_extn(self, opt: str) -> bool:
        return True

    def starttls(self, **_context: Any) -> Any:
        Post.said.append("starttls")

    def login(self, user: str, password: str, **_more: Any) -> Any:
        Post.said.append(f"{user}/{password}")

    def send_message(self, msg: Any, *_args: Any, **_more: Any) -> Any:
        Post.got.append(msg)

    def __exit__(self, *_args: object) -> None:
        pass


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> type[Post]:
    monkeypatch.setattr(mail.smtplib, "SMTP", Post)
    Post.got.clear()
    return Post


@pytest.fixture
def ada(core: Core) -> Any:
    settings = core.settings.model_copy(update={"smtp_url": "smtp://mia@mail.example.org"})
    settings = settings.model_copy(update={"smtp_password": type(settings.smtp_password)("secret")})
    core = Core(settings, core.store, core.library)
    with serve(new_services(core), core) as service:
        sign_up(service)
        yield service


def call(service: ChatService, method: str, path: str = "", **body: str) -> Any:
    return service.client.request(method, f"{PATH}{path}", json=body or None, headers=HOME)


def confirmed(service: ChatService) -> str:
    assert call(service, "PUT", address=PIA).json()["confirmed"] is False
    code = Post.got[-1].get_content().split()[-1]
    assert call(service, "POST", "/confirm", code=code).json()["confirmed"] is True
    with service.core.store.read() as session:
        user: str = session.exec(select(User.id).where(User.login == "ada")).one()
    return user


def test_an_address_is_confirmed_by_the_code_that_was_sent_there(
    ada: ChatService, post: type[Post]
) -> None:
    confirmed(ada)
    assert post.said == ["mail.example.org:587", "starttls", "mia/secret"]
    assert (post.got[0]["To"], post.got[0]["From"]) == (PIA, "tutelage@mail.example.org")
    taken = ada.client.get("/v1/account/data").text
    assert PIA in taken and "code_sha256" not in taken
    assert call(ada, "DELETE").json()["address"] is None


def test_a_wrong_code_can_be_tried_a_few_times(ada: ChatService, post: type[Post]) -> None:
    call(ada, "PUT", address=PIA)
    tries = [call(ada, "POST", "/confirm", code="x").status_code for _ in range(6)]
    assert tries == [400] * mail.CODE_TRIES + [404]
    call(ada, "DELETE")
    assert call(ada, "PUT", address=PIA).status_code == 429  # nobody is flooded with codes


@pytest.mark.parametrize(
    "address", ["", "nobody", "a@b", "a@b.c\r\nBcc: d@e.f", "ä@b.org", "@b.org"]
)
def test_what_is_no_address_is_refused(ada: ChatService, post: type[Post], address: str) -> None:
    assert call(ada, "PUT", address=address).status_code == 400
    assert post.got == []


def test_a_digest_is_sent_once_a_day_and_only_of_what_is_new(
    ada: ChatService, post: type[Post]
) -> None:
    user, store, sent = confirmed(ada), ada.core.store, []

    def digests(now: float) -> int:
        return mail.send_digests(store, "https://t.org/", lambda *each: sent.append(each), now)

    assert digests(DAY) == 0
    with store.write() as session:
        inbox.tell(session, user, NewsKind.REPORT, "rep_1", {"answer": "A secret."})
    assert (digests(DAY), digests(DAY + 60), digests(3 * DAY)) == (1, 0, 0)
    with store.write() as session:
        inbox.tell(session, user, NewsKind.TAUGHT, "iteration-0001", {})
    assert (digests(DAY + 60), digests(3 * DAY)) == (0, 1)
    assert [address for address, _, _ in sent] == [PIA, PIA]
    assert "decisions on your reports: 1" in sent[0][2] and "secret" not in sent[0][2]
    assert "https://t.org/account/inbox" in sent[0][2]
    assert "learned" in sent[1][2] and "reports" not in sent[1][2]
    call(ada, "DELETE")
    assert digests(9 * DAY) == 0


def test_a_mail_server_that_fails_is_tried_again(ada: ChatService, post: type[Post]) -> None:
    user = confirmed(ada)
    with ada.core.store.write() as session:
        inbox.tell(session, user, NewsKind.TAUGHT, "iteration-0001", {})

    def fail(*_mail: str) -> None:
        raise Unavailable("down")

    assert mail.send_digests(ada.core.store, "", fail, DAY) == 0
    assert mail.send_digests(ada.core.store, "", lambda *_mail: None, DAY) == 1


def test_an_address_that_is_refused_keeps_no_other_waiting(
    ada: ChatService, post: type[Post], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, gone, got = ada.core.store, "gone@example.org", []
    mine = confirmed(ada)
    with store.write() as session:
        for user, address in ((people.create_user(session, "bo").id, gone), (mine, PIA)):
            row = session.get(MailSubscription, user) or MailSubscription(
                user_id=user, address="", code_sha256=""
            )
            row.sqlmodel_update({"address": address, "confirmed_at": 0.0})
            session.add(row)
            inbox.tell(session, user, NewsKind.TAUGHT, "iteration-0001", {})

    def accept(_self: Post, message: EmailMessage) -> None:
        if message["To"] == gone:
            raise smtplib.SMTPRecipientsRefused({gone: (550, b"no such user")})
        got.append(message["To"])

    monkeypatch.setattr(Post, "send_message", accept)
    send = mail.sender(ada.core.settings)
    assert (mail.send_digests(store, "", send, DAY), got) == (1, [PIA])
    assert mail.send_digests(store, "", send, DAY + 60) == 0
    assert mail.send_digests(store, "", lambda *sent: got.append(sent[0]), 2 * DAY) == 1
    assert got == [PIA, gone]


def test_without_a_mail_server_nothing_is_offered(service: ChatService) -> None:
    sign_up(service)
    assert call(service, "GET").json()["available"] is False
    assert call(service, "PUT", address=PIA).status_code == 503
