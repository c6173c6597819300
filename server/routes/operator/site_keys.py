"""/v1/operator/site-keys: keys for web pages of other sites."""

from fastapi import APIRouter
from sqlmodel import Session

from server.dependencies import OperatorDep, ServicesDep, StateDep
from server.schemas.account import KeyItem
from server.schemas.operator.site_keys import NewSiteKey, SiteKeyItem, SiteKeyRequest
from server.schemas.text import Page, columns
from tutelage.people import site_keys
from tutelage.people.quota import Quotas
from tutelage.tables import ApiKey, User

router = APIRouter(prefix="/v1/operator/site-keys", tags=["operator"])


@router.get("")
def list_site_keys(
    _operator: OperatorDep, services: ServicesDep, state: StateDep
) -> Page[SiteKeyItem]:
    """The site keys, newest first; DELETE /v1/operator/keys/{key_id} revokes one."""
    with services.store.read() as session:
        data = [_item(session, state.quotas, key) for key in site_keys.listed(session)]
    return Page(data=data)


@router.post("", status_code=201)
def create_site_key(body: SiteKeyRequest, operator: OperatorDep, state: StateDep) -> NewSiteKey:
    """Create a key for pages of these origins; its secret is only in this response."""
    with state.services.store.write() as session:
        key, secret = site_keys.create(
            session, body.name, body.site, body.training, operator.user.id
        )
        session.flush()
        item = _item(session, state.quotas, key)
    state.sites.refresh()
    return NewSiteKey(**item.model_dump(), secret=secret)


def _item(session: Session, quotas: Quotas, key: ApiKey) -> SiteKeyItem:
    used = quotas.state(session, session.get_one(User, key.user_id))
    return SiteKeyItem(
        **columns(key, KeyItem),
        site=site_keys.SiteRules.model_validate(key.site),
        visitors=site_keys.visitors(session, key),
        prompts_today=used.requests,
    )
