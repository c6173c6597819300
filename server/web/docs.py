"""/docs: FastAPI's Swagger UI, whose scripts come from this installation and not from a CDN."""

import base64
import hashlib
import re

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from server.http.middleware import CONTENT_SECURITY_POLICY

_ASSETS = "/docs/assets"
_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def add_docs(app: FastAPI) -> None:
    """Serve the page and its assets beside /openapi.json."""
    page = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title=f"{app.title} API",
        swagger_js_url=f"{_ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{_ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{_ASSETS}/favicon.png",
        swagger_ui_parameters={"validatorUrl": None},  # no badge from another site
    )
    page.headers["content-security-policy"] = _allowing_inline(bytes(page.body).decode())

    async def docs() -> HTMLResponse:
        return page

    app.add_api_route("/docs", docs, include_in_schema=False, response_class=HTMLResponse)
    app.mount(_ASSETS, StaticFiles(packages=[("fastapi_offline", "static")]))


def _allowing_inline(html: str) -> str:
    """The content security policy, with the hash of the page's own script."""
    hashes = [hashlib.sha256(script.encode()).digest() for script in _INLINE_SCRIPT.findall(html)]
    allowed = "".join(f" 'sha256-{base64.b64encode(each).decode()}'" for each in hashes)
    return CONTENT_SECURITY_POLICY.replace("script-src 'self'", f"script-src 'self'{allowed}")
