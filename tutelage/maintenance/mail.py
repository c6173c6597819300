"""E-mail: an address that its owner confirmed, and a digest of what is unread, at most daily.

Mails say how much there is and never quote a text: mail is read by others on its way.
"""

import hashlib
import logging
import secrets
import smtplib
import ssl
import time
from collections import Counter
from collections.abc import Callable
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Any
from urllib.parse import unquote, urlsplit

from sqlmodel import Session, col, func, or_, select

from tutelage.errors import Invalid, LimitReached, NotFound, Unavailable
from tutelage.settings import Settings
from tutelage.store import Store
from tutelage.tables import MailSubscription, News, NewsKind

logger = logging.getLogger(__name__)

A_DAY = 86_400.0
CODE_SECONDS, CODE_TRIES, CODE_PAUSE = 3600.0, 5, 600.0
TIMEOUT = 10.0
AT_ONCE = 100  # digests in one round
LONGEST_ADDRESS = 254
Send = Callable[[str, str, str], None]  # address, subject, text
_SENTENCES = {
    NewsKind.TAUGHT: "policies that learned from your feedback",
    NewsKind.REPORT: "decisions on your reports",
    NewsKind.APPEAL: "decisions on your appeals",
}


def sender(settings: Settings) -> Send:
    """Sends by the mail server of the settings. Raises Unavailable where none is set.

    Sending raises Invalid for an address that the server refuses, else Unavailable.
    """
    if not settings.smtp_url:
        raise Unavailable("This service sends no e-mail: its operator has not set a mail server.")

    def send(address: str, subject: str, text: str) -> None:
        message = EmailMessage()
        server = urlsplit(settings.smtp_url)
        message["From"] = settings.mail_from or f"tutelage@{server.hostname}"
        message["To"], message["Subject"] = address, subject
        message.set_content(text)
        try:
            _deliver(settings, message)
        except smtplib.SMTPRecipientsRefused as error:
            raise Invalid("The mail server refused this address.", "address") from error
        except (OSError, smtplib.SMTPException) as error:
            logger.warning("An e-mail could not be sent: %s", type(error).__name__)
            raise Unavailable("The e-mail could not be sent. Try again later.") from error

    return send


def subscribe(session: Session, user_id: str, address: str, now: float | None = None) -> str:
    """Keep an address that waits to be confirmed; the code to send there.

    Raises Invalid, and LimitReached where a code was made a moment ago.
    """
    now = time.time() if now is None else now
    before = session.get(MailSubscription, user_id)
    if before and now - before.code_at < CODE_PAUSE:
        raise LimitReached("A code was sent a moment ago; ask for another one in ten minutes.")
    row = before or MailSubscription(user_id=user_id, address="", code_sha256="")
    code = f"{secrets.randbelow(10**8):08}"
    row.address, row.code_sha256, row.code_at = _checked(address), _hash(user_id, code), now
    row.tries, row.confirmed_at = 0, None
    session.add(row)
    return code


def confirm(session: Session, user_id: str, code: str, now: float | None = None) -> bool:
    """Whether the code is right, which confirms the address; each try counts.

    Raises NotFound where no address waits for a code, or its code is used up or too old.
    """
    now = time.time() if now is None else now
    row = session.get(MailSubscription, user_id)
    waits = row is not None and row.confirmed_at is None
    if row is None or not waits or row.tries >= CODE_TRIES or now - row.code_at > CODE_SECONDS:
        raise NotFound("No code is valid now. Enter your address again to get one.")
    row.tries += 1
    right = secrets.compare_digest(row.code_sha256, _hash(user_id, code.strip()))
    if right:
        row.confirmed_at = now
    session.add(row)
    return right


def unsubscribe(session: Session, user_id: str) -> None:
    """Forget the address; when a code was last sent is kept, so that nobody is flooded."""
    if row := session.get(MailSubscription, user_id):
        row.address, row.code_sha256, row.tries, row.confirmed_at = "", "", CODE_TRIES, None
        session.add(row)


def send_digests(store: Store, url: str, send: Send, now: float | None = None) -> int:
    """Send what is due; the number of mails. After a failure the rest waits for the next round.

    An address that the server refuses is tried again after a day and keeps no other one waiting.
    """
    now = time.time() if now is None else now
    with store.read() as session:
        due = _due(session, now)
        texts = [(row, *_digest(session, row, url)) for row in due]
    sent = 0
    for row, newest, text in texts:
        told = newest
        try:
            send(row.address, "Your feedback at work", text)
            sent += 1
        except Invalid:
            told = row.told
        except Unavailable:
            break
        with store.write() as session:
            if kept := session.get(MailSubscription, row.user_id):
                kept.sent_at, kept.told = now, told
                session.add(kept)
    return sent


def _due(session: Session, now: float) -> list[MailSubscription]:
    rested = or_(
        col(MailSubscription.sent_at).is_(None), col(MailSubscription.sent_at) <= now - A_DAY
    )
    fresh = select(News.id).where(*_fresh(MailSubscription.user_id, MailSubscription.told))
    confirmed = col(MailSubscription.confirmed_at).is_not(None)
    statement = select(MailSubscription).where(confirmed, rested, fresh.exists())
    return list(session.exec(statement.limit(AT_ONCE)))


def _fresh(user_id: Any, told: Any) -> tuple[Any, ...]:
    return News.user_id == user_id, col(News.read_at).is_(None), col(News.seq) > told


def _digest(session: Session, row: MailSubscription, url: str) -> tuple[int, str]:
    """The place of the newest news, and the text about all that is fresh."""
    kinds = select(News.kind, func.count()).where(*_fresh(row.user_id, row.told))
    found = Counter(dict(session.exec(kinds.group_by(News.kind)).all()))
    newest = session.exec(select(func.max(News.seq)).where(News.user_id == row.user_id)).one()
    lines = [f"- {words}: {found[kind]}" for kind, words in _SENTENCES.items() if found[kind]]
    inbox = f"{url.rstrip('/')}/account/inbox" if url else "the inbox of your account"
    told = "\n".join(lines)
    text = f"New in your inbox:\n\n{told}\n\nRead it, or stop these e-mails, in {inbox}\n"
    return newest, text


def _deliver(settings: Settings, message: EmailMessage) -> None:
    server, tls = urlsplit(settings.smtp_url), ssl.create_default_context()
    host, user = server.hostname or "", unquote(server.username or "")
    if server.scheme == "smtps":
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(
            host, server.port or 465, timeout=TIMEOUT, context=tls
        )
    else:
        smtp = smtplib.SMTP(host, server.port or 587, timeout=TIMEOUT)
    with smtp:
        smtp.ehlo()
        if server.scheme == "smtp" and (user or smtp.has_extn("starttls")):
            smtp.starttls(context=tls)  # a password is never sent in the clear
        if user:
            smtp.login(user, settings.smtp_password.get_secret_value())
        smtp.send_message(message)


def _checked(address: str) -> str:
    try:
        found = Address(addr_spec=address.strip())
    except (MessageError, ValueError, IndexError) as error:
        raise Invalid("This is not an e-mail address.", "address") from error
    spec = found.addr_spec
    if (
        not found.username
        or "." not in found.domain
        or not spec.isascii()
        or not (spec.isprintable() and len(spec) <= LONGEST_ADDRESS)
    ):
        raise Invalid("This is not an e-mail address.", "address")
    return spec


def _hash(user_id: str, code: str) -> str:
    return hashlib.sha256(f"{user_id}:{code}".encode()).hexdigest()
