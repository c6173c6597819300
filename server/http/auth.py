"""Authentication: a bearer key, or the browser's session cookie with a same-origin check."""

import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from fastapi import Request, Response

from server.http.errors import ApiError
from tutelage.errors import Forbidden
from tutelage.people import people, site_keys
from tutelage.people.site_keys import SiteRules
from tutelage.store import Store
from tutelage.tables import ApiKey, Scope, User

COOKIE = "tutelage_session"
_PORTS = {"http": ":80", "https": ":443"}  # which browsers leave out
_SAFE = ("GET", "HEAD", "OPTIONS")
_TOUCH_SECONDS = 60.0
_SCOPES = (
    ("/v1/feedback", Scope.FEEDBACK),
    ("/v1/labeling", Scope.LABEL),
    ("/v1/operator", Scope.OPERATE),
)
HOW = "Send `Authorization: Bearer tk-…`; `tutelage key create --name N` creates a key."


@dataclass(frozen=True)
class Caller:
    """An authenticated user, and the API key of the request, if it has one."""

    user: User
    key: ApiKey | None = None

    @property
    def training(self) -> bool:
        """Whether conversations that the user starts may be used for training."""
        return self.key.training if self.key else self.user.training

    @property
    def site(self) -> SiteRules | None:
        """The rules of a site key."""
        return site_keys.rules_of(self.key) if self.key else None

    @property
    def limited_as(self) -> str:
        """Whom this request's limits count for: the key, a visitor of a site key, the person."""
        return self.key.id if self.key and not self.key.site else self.user.id


def identify(request: Request, store: Store) -> Caller | None:
    """The caller; None for a request with neither an API key nor a valid session cookie.

    Of a site key it is the owner, until ``sites`` has found the visitor.

    Raises ApiError 401 for a key that is not valid, 403 for a forged cross-site request.
    """
    header = request.headers.get("authorization")
    if header is not None:
        return _by_key(store, header)
    secret = request.cookies.get(COOKIE)
    if not secret:
        return None
    with store.read() as session:
        user = people.authenticate_session(session, secret)
    if user is None:
        return None
    if request.method not in _SAFE:
        require_same_origin(request)
    return Caller(user)


def require_scope(request: Request, caller: Caller) -> None:
    """Raises Forbidden when the key lacks the scope of this part of the API."""
    if caller.key is None or caller.key.scopes is None:
        return
    path = request.url.path
    needed = next((scope for prefix, scope in _SCOPES if path.startswith(prefix)), Scope.CHAT)
    if needed not in caller.key.scopes:
        has = ", ".join(caller.key.scopes) or "nothing"
        raise Forbidden(f"This key is for {has}; here it needs the scope {needed.value}.")


def refused(header: str | None = None) -> ApiError:
    """The error for a request without valid credentials."""
    problem = "Invalid API key." if header else "Missing API key."
    challenge = {"www-authenticate": "Bearer"}
    type_ = "authentication_error"
    return ApiError(401, f"{problem} {HOW}", type_, None, "invalid_api_key", challenge)


def require_same_origin(request: Request) -> None:
    """Refuse what another site's page sent with this browser's cookie."""
    origin, host = request.headers.get("origin", ""), request.headers.get("host", "")
    public_url = request.app.state.tutelage.services.settings.public_url
    if same_origin(origin, host) or same_origin(origin, urlsplit(public_url).netloc):
        return
    expected = public_url.rstrip("/") or f"{request.url.scheme}://{host}"
    came = f"came from the origin {origin[:200]!r}" if origin else "has no Origin header"
    message = (
        f"This request {came}; expected is {expected}. Behind a proxy that changes the Host, the "
        "operator sets TUTELAGE_PUBLIC_URL. API keys work from anywhere."
    )
    raise ApiError(403, message, "permission_error", None, "cross_origin")


def same_origin(origin: str, host: str) -> bool:
    """Whether the page that asks was loaded from this host (the scheme a proxy may change)."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    if parts.scheme not in _PORTS or not host:
        return False
    port = _PORTS[parts.scheme]
    return parts.netloc.lower().removesuffix(port) == host.lower().removesuffix(port)


def set_cookie(request: Request, response: Response, secret: str) -> None:
    """Sign the browser in."""
    response.set_cookie(
        COOKIE,
        secret,
        max_age=int(people.SESSION_SECONDS),
        httponly=True,
        samesite="lax",
        secure=_is_secure(request),
    )


def _is_secure(request: Request) -> bool:
    public_url: str = request.app.state.tutelage.services.settings.public_url
    return request.url.scheme == "https" or public_url.startswith("https://")


def _by_key(store: Store, header: str) -> Caller:
    scheme, _, secret = header.partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise refused(header)
    with store.read() as session:
        found = people.authenticate_key(session, secret.strip())
    if found is None:
        raise refused(header)
    key, user = found
    if time.time() - (key.last_used_at or 0.0) > _TOUCH_SECONDS:
        with store.write() as session:
            people.touch_key(session, key.id)
    return Caller(user, key)
