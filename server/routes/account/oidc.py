"""/v1/session/oidc: sign in at an OpenID Connect provider (authorization code flow with PKCE)."""

import json
import logging
import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlencode

import httpx
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse

from server.dependencies import AnyoneDep, ServicesDep
from server.http.auth import set_cookie
from server.services import Services
from tutelage.errors import Forbidden, NotFound, TutelageError, Unavailable
from tutelage.people import accounts, people, teams
from tutelage.settings import Settings

if TYPE_CHECKING:
    from authlib.integrations.httpx_client import AsyncOAuth2Client

router = APIRouter(prefix="/v1/session/oidc", tags=["session"])
logger = logging.getLogger(__name__)

COOKIE = "tutelage_oidc"
_PATH = "/v1/session/oidc"
_SECONDS = 600
CLOCK_SECONDS = 60  # by which the provider's clock may differ
_ALGORITHMS = ["RS256", "ES256", "PS256", "EdDSA"]
_NAMES = ("name", "preferred_username", "email", "sub")


@router.get("", status_code=302, response_class=RedirectResponse)
async def begin_oidc(
    request: Request, _anyone: AnyoneDep, services: ServicesDep
) -> RedirectResponse:
    """Redirect the browser to the provider."""
    provider = await _discover(services.settings)
    verifier, nonce = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
    async with _client(services.settings, request) as client:
        address, state = client.create_authorization_url(
            provider["authorization_endpoint"], nonce=nonce, code_verifier=verifier
        )
    response = RedirectResponse(address, 302)
    kept = json.dumps({"state": state, "nonce": nonce, "verifier": verifier})
    response.set_cookie(
        COOKIE, kept.encode().hex(), _SECONDS, path=_PATH, httponly=True, samesite="lax",
        secure=request.url.scheme == "https",
    )  # fmt: skip
    return response


@router.get("/callback", status_code=302, response_class=RedirectResponse)
async def finish_oidc(
    request: Request,
    _anyone: AnyoneDep,
    services: ServicesDep,
    code: str = "",
    state: str = "",
    error: str = "",
) -> RedirectResponse:
    """The provider redirects the browser here, which is signed in or sees the reason why not."""
    if not services.settings.oidc_issuer:
        raise _unconfigured()
    try:
        if error:
            raise Forbidden(f"Sign-in was not completed ({error[:100]}).")
        claims = await _claims(request, services.settings, code, state)
        secret = await run_in_threadpool(_admit, services, claims)
    except TutelageError as problem:
        logger.warning("A sign-in at the provider failed: %s", problem.message)
        return _back(f"/sign-in?{urlencode({'problem': problem.message})}")
    response = _back("/")
    set_cookie(request, response, secret)
    return response


async def _claims(request: Request, settings: Settings, code: str, state: str) -> dict[str, Any]:
    """The verified claims of the provider's id token.

    Raises Forbidden for a response that cannot be verified, Unavailable when the provider fails.
    """
    from joserfc import jwt  # here and below: most services start without a provider
    from joserfc.jwk import KeySet

    kept = _kept(request)
    if not state or not secrets.compare_digest(state, kept["state"]):
        raise Forbidden("This sign-in was started in another browser or has expired. Try again.")
    provider = await _discover(settings)
    try:
        async with _client(settings, request) as client:
            token = await client.fetch_token(
                provider["token_endpoint"], code=code, code_verifier=kept["verifier"]
            )
            keys = (await client.request("GET", provider["jwks_uri"], withhold_token=True)).json()
        claims = jwt.decode(token["id_token"], KeySet.import_key_set(keys), _ALGORITHMS).claims
        jwt.JWTClaimsRegistry(
            leeway=CLOCK_SECONDS,
            iss={"essential": True, "value": provider["issuer"]},
            aud={"essential": True, "value": settings.oidc_client_id},
            nonce={"essential": True, "value": kept["nonce"]},
            sub={"essential": True},
            exp={"essential": True},
        ).validate(claims)
    except Exception as error:  # the libraries raise many kinds, and each means the same to people
        logger.warning("The provider's response was refused: %s", type(error).__name__)
        raise Forbidden(_refusal(error)) from error
    return dict(claims)


def _refusal(error: Exception) -> str:
    if getattr(error, "claim", None) in ("iat", "nbf", "exp"):
        return (
            "The provider's response is not valid at this time: the clock of this server and that "
            f"of the provider differ by more than {CLOCK_SECONDS} s. Tell the operator."
        )
    return "The provider's response could not be verified. Try again."


def _admit(services: Services, claims: dict[str, Any]) -> str:
    name = next((str(claims[each]) for each in _NAMES if claims.get(each)), "User")
    with services.store.write() as session:
        user = accounts.by_identity(session, claims["iss"], str(claims["sub"]), name[:100])
        if services.settings.oidc_team_claim:
            teams.by_claim(session, user, claims.get(services.settings.oidc_team_claim, []))
        return people.create_session(session, user)


async def _discover(settings: Settings) -> dict[str, Any]:
    """The provider's discovery document."""
    if not settings.oidc_issuer:
        raise _unconfigured()
    address = settings.oidc_issuer.rstrip("/") + "/.well-known/openid-configuration"
    try:
        async with httpx.AsyncClient(timeout=10, follow_redirects=True) as client:
            reply = await client.get(address)
            reply.raise_for_status()
            found: dict[str, Any] = reply.json()
    except (httpx.HTTPError, ValueError) as error:
        raise Unavailable(f"{settings.oidc_name} cannot be reached. Try again later.") from error
    return found


def _client(settings: Settings, request: Request) -> "AsyncOAuth2Client":
    from authlib.integrations.httpx_client import AsyncOAuth2Client

    base = settings.public_url.rstrip("/") or str(request.base_url).rstrip("/")
    return AsyncOAuth2Client(
        settings.oidc_client_id,
        settings.oidc_client_secret.get_secret_value(),
        scope="openid profile email",
        redirect_uri=f"{base}{_PATH}/callback",
        code_challenge_method="S256",
        timeout=10,
    )


def _kept(request: Request) -> dict[str, str]:
    try:
        kept: dict[str, str] = json.loads(bytes.fromhex(unquote(request.cookies.get(COOKIE, ""))))
        return {name: kept[name] for name in ("state", "nonce", "verifier")}
    except (ValueError, KeyError, TypeError):
        raise Forbidden("This sign-in was started in another browser or has expired.") from None


def _back(address: str) -> RedirectResponse:
    response = RedirectResponse(address, 302)
    response.delete_cookie(COOKIE, path=_PATH)
    return response


def _unconfigured() -> NotFound:
    return NotFound("No OpenID Connect provider is configured (TUTELAGE_OIDC_ISSUER).")
