"""Requests of other sites' pages with a site key: their origin, visitor and few rights."""

import re

from fastapi import Request

from server.http.auth import Caller
from server.http.errors import ApiError
from tutelage.errors import Forbidden, Invalid
from tutelage.people import accounts, site_keys
from tutelage.people.site_keys import SiteRules
from tutelage.store import Store
from tutelage.tables import ApiKey

HEADER = "x-tutelage-visitor"
MOST_CHOICES = 2
_RIGHTS = re.compile(r"POST /v1/chat/completions|POST /v1/feedback|DELETE /v1/feedback/[^/]+")
_SECRET = re.compile(r"[A-Za-z0-9_-]{22,128}")  # 128 random bits at least


class SiteOrigins:
    """The origins of all site keys, as they were when the store was last looked at."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.known: frozenset[str] = frozenset()

    def refresh(self) -> None:
        """Look at the store."""
        with self._store.read() as session:
            self.known = site_keys.origins(session)


def require_page(request: Request, rules: SiteRules) -> None:
    """Raises ApiError 403 for a page of another origin, Forbidden for another route."""
    origin = request.headers.get("origin", "")
    if origin not in rules.origins:
        came = f"pages of {origin[:200]!r}" if origin else "requests without an Origin header"
        message = f"This site key is not for {came}."
        raise ApiError(403, message, "permission_error", None, "cross_origin")
    if not _RIGHTS.fullmatch(f"{request.method} {request.url.path}"):
        raise Forbidden("A site key is for chat completions and their thumbs and rankings only.")


def visiting(request: Request, store: Store, key: ApiKey) -> Caller:
    """The visitor as caller; a guest is made at the first one's request."""
    secret = request.headers.get(HEADER, "")
    if not _SECRET.fullmatch(secret):
        raise Invalid(
            f"{HEADER} must be a random secret of 22 to 128 letters, digits, - and _, which the "
            "page keeps for its visitor.",
            HEADER,
        )
    with store.read() as session:
        user = site_keys.known_visitor(session, key, secret)
    if user is None:
        with store.write() as session:
            user = site_keys.visitor(session, key, secret)
    accounts.require_enabled(user)
    return Caller(user, key)


def require_small(caller: Caller, choices: int, tokens: int | None, longest: int) -> None:
    """Raises Forbidden where a visitor asks for more choices or tokens than a page needs."""
    if caller.site is None:
        return
    if choices > MOST_CHOICES:
        raise Forbidden(f"A site key gets at most {MOST_CHOICES} choices.", "n")
    if tokens is not None and tokens > longest:
        raise Forbidden(f"A site key gets at most {longest} tokens.", "max_tokens")


def require_rating(caller: Caller, kind: str, ranked: int) -> None:
    """Raises Forbidden for feedback of a visitor that is neither a thumb nor a ranking of two."""
    if caller.site is None:
        return
    if kind not in ("thumbs", "ranking") or ranked > MOST_CHOICES:
        raise Forbidden("A site key is for thumbs and rankings of two responses.", "kind")
