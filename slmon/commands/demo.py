"""`slmon demo`: a simulated PBX that speaks AMI over TCP, and the real daemon logged in to it."""

import asyncio
import logging
import secrets
import socket
import tempfile
from pathlib import Path

from rich.console import Console

from slmon.config import Config, Listen, load
from slmon.core.instant import of_seconds
from slmon.daemon import Daemon, host_now
from slmon.logs import set_up_logs
from slmon.simulator.history import history
from slmon.simulator.house import config_text
from slmon.simulator.server import STANDSTILL, WARM_UP_SECONDS, Account, AmiServer, fresh_day

USUAL_PORT = 8080
DAYS_OF_HISTORY = 42
CALLS_A_MINUTE = 3.0           # lively to watch, and not far from the days behind
CALLS_A_DAY = 480.0
HOST = "127.0.0.1"

console = Console(highlight=False, soft_wrap=True)


def run_demo(port: int | None, speed: float, seed: int) -> None:
    """Run until ^C. `port` None: the usual one, or any when that is taken. Raises StartError."""
    set_up_logs(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="slmon-demo-") as folder:
        asyncio.run(_demo(Path(folder), _usual_port() if port is None else port, speed, seed))


def _usual_port() -> int:
    """The usual port while nobody has it, else 0: any."""
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((HOST, USUAL_PORT))
        except OSError:
            return 0
    return USUAL_PORT


async def _demo(folder: Path, port: int, speed: float, seed: int) -> None:
    secret = secrets.token_urlsafe(12)
    started_at = host_now() - of_seconds(WARM_UP_SECONDS)
    day = fresh_day(seed, started_at, CALLS_A_MINUTE)
    async with AmiServer(day, {"slmon": Account(secret)}, host=HOST, speed=STANDSTILL) as pbx:
        daemon = Daemon(_configured(folder, pbx.port, secret, port), demo=True)
        for record in history(seed, started_at, DAYS_OF_HISTORY, CALLS_A_DAY):
            daemon.store.save(record)
        for watch in daemon.watches:
            daemon.store.put_note(f"heard {watch.name}", str(started_at))     # the days behind have no gap
        await asyncio.to_thread(daemon.store.flush)
        await daemon.run(_say, [lambda: _to_the_present(daemon, pbx, speed)])
    console.print("\nThe demo has ended; nothing of it is kept.")


async def _to_the_present(daemon: Daemon, pbx: AmiServer, speed: float) -> None:
    """The day began a while ago: let the daemon hear it all at once, so that the board is full."""
    await daemon.linked.wait()
    await pbx.fast_forward(host_now())
    pbx.go_on(speed)


def _configured(folder: Path, pbx_port: int, secret: str, port: int) -> Config:
    path = folder / "slmon.toml"
    path.write_text(config_text(HOST, pbx_port, "slmon", secret), encoding="utf-8")
    config = load(path)
    web = config.web.model_copy(update={"listen": Listen(host=HOST, port=port)})
    return config.model_copy(update={"web": web})


def _say(url: str) -> None:
    console.print(f"""\
slmon demo: a made-up unemployment fund, on a simulated PBX. ^C ends it.

  wallboard   {url}
  goals       {url}goals
  metrics     {url}metrics
""")
