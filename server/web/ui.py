"""The web UI: built files, and its single page for every path that it routes itself."""

from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

STATIC = Path(__file__).parents[1] / "static"
_NOT_BUILT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>tutelage</title>
<body style="font: 16px/1.5 system-ui; max-width: 36rem; margin: 15vh auto; padding: 0 1rem">
<h1>The web UI is not built</h1>
<p>The API works; its documentation is at <a href="/docs">/docs</a>.</p>
<p>To build the UI, run <code>make setup</code>, or <code>python frontend/build.py</code>,
and load this page again.</p>
</body></html>"""
_PAGES = (
    "/", "/c/{rest:path}", "/s/{rest:path}", "/sign-in", "/sign-up", "/account",
    "/account/{rest:path}", "/label", "/label/{rest:path}", "/operator", "/operator/{rest:path}",
)  # fmt: skip
_FOREVER = "public, max-age=31536000, immutable"


def add_ui(app: FastAPI, static: Path) -> None:
    """Serve the UI; added last, so that every other route comes first."""

    async def page() -> Response:
        return _page(static)

    async def file(request: Request) -> Response:
        path = _inside(static, request.url.path)
        if path is None:
            return lost(request)
        hashed = path.parent.name == "assets"
        return FileResponse(path, headers={"cache-control": _FOREVER} if hashed else None)

    def lost(request: Request) -> Response:
        """A browser gets the UI, which shows "not found"; a program gets JSON."""
        if request.method != "GET" or request.url.path.startswith("/v1/") or not _reads(request):
            raise HTTPException(404)
        return _page(static, 404)

    async def nowhere(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await default(scope, receive, send)
        await lost(Request(scope))(scope, receive, send)

    default, app.router.default = app.router.default, nowhere
    for address in _PAGES:
        app.add_api_route(address, page, include_in_schema=False, response_class=Response)
    for address in ("/assets/{rest:path}", "/{name}"):  # no deeper: those are the API's
        app.add_api_route(address, file, include_in_schema=False, response_class=Response)


def _page(static: Path, status: int = 200) -> Response:
    index = static / "index.html"
    if not index.is_file():
        return HTMLResponse(_NOT_BUILT, 503)
    return FileResponse(index, status, {"cache-control": "no-cache"})


def _reads(request: Request) -> bool:
    """Whether the client is a browser."""
    return "text/html" in request.headers.get("accept", "")


def _inside(static: Path, name: str) -> Path | None:
    """The built file of that name; no hidden file, and no file outside the folder."""
    if "\x00" in name or any(part.startswith(".") for part in name.split("/")):
        return None
    path = (static / name.lstrip("/")).resolve()
    return path if path.is_relative_to(static.resolve()) and path.is_file() else None
