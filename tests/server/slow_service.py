"""A service whose answers take long, as a process of its own: its port is the first line it prints.

python slow_service.py DATA STOP_SECONDS
"""

import signal
import sys
from pathlib import Path

from chat_service import new_services

from server.generators.echo import EchoGenerator
from server.process import Server
from tutelage.composition import open_core
from tutelage.settings import Settings


def main(data: Path, stop_seconds: int) -> None:
    settings = Settings(data=data, port=0, rate_limit=0, stop_seconds=stop_seconds)
    echo = EchoGenerator(policy_id=None, delay=0.05)
    server = Server(
        new_services(open_core(settings), echo), lambda port, _: print(port, flush=True)
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    server.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
