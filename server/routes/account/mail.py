"""/v1/account/mail: an e-mail address for digests of the inbox."""

from fastapi import APIRouter
from sqlmodel import Session

from server.dependencies import PersonDep, ServicesDep
from server.schemas.inbox import MailCode, MailRequest, MailState
from server.services import Services
from tutelage.errors import Forbidden, Invalid
from tutelage.maintenance import mail
from tutelage.tables import MailSubscription, Role

router = APIRouter(prefix="/v1/account/mail", tags=["account"])


@router.get("")
def get_mail(caller: PersonDep, services: ServicesDep) -> MailState:
    """Where digests of your inbox go."""
    with services.store.read() as session:
        return _state(services, session, caller.user.id)


@router.put("")
def set_mail(body: MailRequest, caller: PersonDep, services: ServicesDep) -> MailState:
    """Send a code to an address, which gets digests once you have entered the code."""
    if caller.user.login is None and caller.user.role == Role.USER:
        raise Forbidden("Guests cannot get e-mails: sign up first.")
    send = mail.sender(services.settings)
    with services.store.write() as session:
        code = mail.subscribe(session, caller.user.id, body.address)
        state = _state(services, session, caller.user.id)
    send(state.address or "", "Your code", f"Enter this code on your inbox page: {code}\n")
    return state


@router.post("/confirm")
def confirm_mail(body: MailCode, caller: PersonDep, services: ServicesDep) -> MailState:
    """Confirm the address by its code."""
    with services.store.write() as session:
        right = mail.confirm(session, caller.user.id, body.code)
        state = _state(services, session, caller.user.id)
    if not right:
        raise Invalid("This is not the code that was sent.", "code")
    return state


@router.delete("")
def remove_mail(caller: PersonDep, services: ServicesDep) -> MailState:
    """Send no e-mails any more, and forget the address."""
    with services.store.write() as session:
        mail.unsubscribe(session, caller.user.id)
        session.flush()
        return _state(services, session, caller.user.id)


def _state(services: Services, session: Session, user_id: str) -> MailState:
    row = session.get(MailSubscription, user_id)
    return MailState(
        available=bool(services.settings.smtp_url),
        address=(row.address or None) if row else None,
        confirmed=bool(row and row.confirmed_at),
    )
