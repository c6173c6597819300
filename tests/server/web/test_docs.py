"""/docs: the API reference, without the network and under our content security policy."""

import re

from chat_service import ChatService


def test_the_page_loads_nothing_from_other_sites(shared: ChatService) -> None:
    page = shared.client.get("/docs").text
    assert "SwaggerUIBundle" in page and "/openapi.json" in page
    assert "http://" not in page and "https://" not in page


def test_every_asset_is_served_here(shared: ChatService) -> None:
    paths = re.findall(r'(?:src|href)="([^"]+)"', shared.client.get("/docs").text)
    assert len(paths) == 3
    assert [shared.client.get(path).status_code for path in paths] == [200, 200, 200]


def test_only_the_pages_own_inline_script_may_run(shared: ChatService) -> None:
    policy = shared.client.get("/docs").headers["content-security-policy"]
    (scripts,) = re.findall(r"script-src ([^;]+);", policy)
    assert re.fullmatch(r"'self' 'sha256-[A-Za-z0-9+/]{43}='", scripts)
    assert "sha256" not in shared.client.get("/healthz").headers["content-security-policy"]
