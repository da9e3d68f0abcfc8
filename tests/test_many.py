"""Several PBXes in one daemon: each fails alone, and takes nothing from the others."""

import asyncio
from pathlib import Path

from ami_server import idle_pbx
from running import SECRET, Slmon, configured, lines_with, slmon, until
from test_daemon import differences, kept, pbx, whole_day

from slmon.simulator.server import Account, AmiServer

FLOOD_SECONDS = 3
EVENTS_A_SECOND = 5000
A_TENTH = EVENTS_A_SECOND // 10


def another(port: int) -> str:
    """A second PBX in the configuration."""
    return (f'[[pbx]]\nname = "pbx2"\nhost = "127.0.0.1"\nport = {port}\nusername = "slmon"\nsecret = "{SECRET}"\n'
            'inbound = { contexts = ["from-trunk"] }\n')


async def up(running: Slmon, name: str) -> bool:
    return {link["pbx"]: link["up"] for link in (await running.board())["links"]}.get(name, False)


async def told_as_it_was(server: AmiServer, running: Slmon, config: Path) -> None:
    """The day of the first PBX is played to its end and kept as it was."""
    await whole_day(server)

    async def kept_calls() -> int:
        return len([call for call in kept(config).values() if call.ended_at is not None])
    await until(kept_calls, len(server.day.truth))
    assert differences(server.day, kept(config)) == []
    assert "Traceback" not in running.said


async def test_a_pbx_that_refuses_us_takes_nothing_from_another(tmp_path):
    async with pbx(minutes=4, per_minute=9) as server, idle_pbx() as other:
        other._accounts = {"slmon": Account("another-secret")}
        config = configured(tmp_path, server.port, another(other.port))
        async with slmon("run", "--config", config) as running:
            await until(lambda: up(running, "pbx1"))
            assert not await up(running, "pbx2")
            await told_as_it_was(server, running, config)
            assert len(lines_with("refused", running.said)) == 1       # said once, however often it is tried


async def flood(other: AmiServer) -> None:
    """Changes of a channel that nobody knows, so many a second."""
    frame = (b"Event: Newstate\r\nPrivilege: call,all\r\nTimestamp: 1795417130.000000\r\nChannel: PJSIP/9-1\r\n"
             b"ChannelState: 6\r\nContext: x\r\nExten: s\r\nUniqueid: 9.9\r\nLinkedid: 9.9\r\n\r\n")
    for _ in range(FLOOD_SECONDS * 10):
        other.send(frame * A_TENTH)
        await asyncio.sleep(0.1)


async def test_a_pbx_that_floods_us_takes_nothing_from_another(tmp_path):
    async with pbx(minutes=4, per_minute=9) as server, idle_pbx() as other:
        other._accounts = {"slmon": Account(SECRET)}
        config = configured(tmp_path, server.port, another(other.port))
        async with slmon("run", "--config", config) as running:
            await until(lambda: up(running, "pbx1"))
            await until(lambda: up(running, "pbx2"))
            flooding = asyncio.create_task(flood(other))
            await told_as_it_was(server, running, config)
            await flooding
            assert await up(running, "pbx1")
            assert await up(running, "pbx2")
