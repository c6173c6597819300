"""The application as a process: tells when it is ready, and stops without breaking answers off."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress

import uvicorn
from uvicorn.config import LOGGING_CONFIG

from server.app import create_app
from server.app_state import AppState
from server.services import Services
from tutelage import tracing
from tutelage.text.json_logs import log_as

CLOSING_SECONDS = 5  # for responses that are no turns, after the turns have ended


class Server(uvicorn.Server):
    """Listens once the current policy is loaded; on SIGTERM or SIGINT lets running turns end.

    ``/readyz`` turns first. Turns that are not over after ``stop_seconds`` end with an error. A
    second SIGINT ends them at once.
    """

    def __init__(self, services: Services, listening: Callable[[int, AppState], None]) -> None:
        """``listening`` is called with the port."""
        settings = services.settings
        app = create_app(services)
        self._state: AppState = app.state.tutelage
        self._listening = listening
        log_as(settings.log_format)
        tracing.trace_as("tutelage")
        super().__init__(
            uvicorn.Config(
                app,
                host=settings.host,
                port=settings.port,
                log_level="warning",
                log_config=None if settings.log_format == "json" else LOGGING_CONFIG,
                timeout_graceful_shutdown=CLOSING_SECONDS,
                proxy_headers=bool(settings.trusted_proxies),
                forwarded_allow_ips=settings.trusted_proxies,
            )
        )

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until SIGTERM or SIGINT, which uvicorn raises again at its end."""
        with suppress(KeyboardInterrupt):
            super().run(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Load the policy and listen."""
        await super().startup(sockets)
        if self.started and not self.should_exit:
            self._listening(self.servers[0].sockets[0].getsockname()[1], self._state)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let the turns end, then close."""
        seconds = self._state.services.settings.stop_seconds
        draining = asyncio.create_task(self._state.turns.drain(seconds))
        while not (draining.done() or self.force_exit):
            await asyncio.sleep(0.1)
        draining.cancel()
        await self._state.services.generator.close()
        await super().shutdown(sockets)
