"""Connections without end, and some that never say what they want: limits, and everybody else is served."""

import asyncio
import contextlib
import logging
import socket
from collections import Counter

import pytest
from access_house import guarded
from web_house import Scene, house_of

from slmon.web.app import make_app, serve
from slmon.web.door import Doorkeeper, Limits, limits_for

ASKED = b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@contextlib.asynccontextmanager
async def open_house(refused=None, **limits):
    """The port of a house with these limits."""
    refused = Counter() if refused is None else refused
    limits.setdefault("at_most", 3)
    async with serve(make_app(house_of(Scene())), "127.0.0.1", 0, Limits(**limits),
                     lambda why: refused.update([why])) as url:
        yield int(url.rstrip("/").rpartition(":")[2])


async def connected(port):
    return await asyncio.open_connection("127.0.0.1", port)


async def answer(port):
    """All that is answered to one question."""
    reader, writer = await connected(port)
    with contextlib.suppress(ConnectionError):
        writer.write(ASKED)
    said = b""
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(20):
            said = await reader.read()
    writer.close()
    return said


async def test_one_connection_too_many_is_told_to_come_back_and_finds_room_later():
    refused = Counter()
    async with open_house(refused) as port:
        there = [await connected(port) for _ in range(3)]
        for _, writer in there:
            writer.write(ASKED.replace(b"Connection: close\r\n", b""))
        for reader, _ in there:
            assert b"200 OK" in await reader.readuntil(b"healthy.\n")
        said = await answer(port)
        assert said.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nRetry-After: " in said
        assert refused == {"connections": 1}
        there[0][1].close()
        said = [await answer(port) for _ in range(20)]                   # it takes a moment to be seen
        assert said[-1].startswith(b"HTTP/1.1 200 ")
        for _, writer in there:
            writer.close()


async def test_who_keeps_the_question_back_is_let_go_and_others_are_served():
    refused = Counter()
    async with open_house(refused, header_seconds=0.3) as port:
        reader, writer = await connected(port)
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        assert b"200 OK" in await answer(port)
        async with asyncio.timeout(20):
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""
        assert refused == {"slow": 1}
        writer.close()


async def test_a_board_that_was_asked_for_in_time_stays_open(monkeypatch):
    monkeypatch.setattr("slmon.web.stream.BEAT_SECONDS", 0.2)
    async with open_house(header_seconds=0.1) as port:
        reader, writer = await connected(port)
        writer.write(b"GET /stream/odense HTTP/1.1\r\nHost: localhost\r\n")
        writer.write(b"\r\n")
        for _ in range(3):
            await reader.readuntil(b"data: ")          # the third comes after the patience is over
        writer.close()


async def test_a_thousand_at_once_are_answered_or_sent_away_and_all_let_go_of():
    async with open_house(at_most=50) as port:
        said = Counter(each[:12] for each in await asyncio.gather(*(answer(port) for _ in range(300))))
        assert said.total() == said[b"HTTP/1.1 200"] + said[b"HTTP/1.1 503"] + said[b""]
        assert said[b"HTTP/1.1 200"] >= 50
        assert b"200 OK" in await answer(port)


async def test_connections_that_come_while_slmon_works_are_held_until_it_has_time():
    async with open_house(at_most=200) as port, contextlib.AsyncExitStack() as stack:
        for _ in range(100):             # nobody accepts meanwhile; one that has no room waits for a second
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=0.5))
        assert b"200 OK" in await answer(port)


async def test_of_a_storm_of_connections_ten_come_in_before_anything_else_has_its_turn():
    refused, before, most = Counter(), 0, 0
    async with open_house(refused, at_most=0) as port, contextlib.AsyncExitStack() as stack:
        for _ in range(60):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=0.5))
        async with asyncio.timeout(20):
            while before < 60:
                await asyncio.sleep(0)
                most, before = max(most, refused.total() - before), refused.total()
    assert most == 10


# -- what is sent that nobody wants, and what nobody takes

async def said_to(port, question, more=b""):
    """All that is answered to a question whose sender then sends more and more until the end."""
    reader, writer = await connected(port)
    writer.write(question)

    async def send():
        with contextlib.suppress(ConnectionError):
            while more:
                writer.write(more)
                await writer.drain()

    sending = asyncio.create_task(send())
    said = b""
    async with asyncio.timeout(5):
        with contextlib.suppress(ConnectionError):
            while part := await reader.read(65536):
                said += part
    sending.cancel()
    writer.close()
    return said


@pytest.mark.parametrize("asked", [b"POST /goals", b"GET /goals", b"PUT /nothing", b"GET /metrics"])
async def test_a_body_that_nobody_wants_is_not_read_to_its_end(asked):
    async with open_house() as port:
        said = await said_to(port, asked + b" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000000\r\n\r\n",
                             b"x" * 65536)
        assert said == b"" or b"\r\nConnection: close\r\n" in said     # the answer may be lost in the reset
        assert b"200 OK" in await answer(port)


async def test_a_body_is_never_unpacked():
    async with open_house() as port:
        packed = b"this is no gzip"          # what is unpacked says so, and ends the connection
        said = await said_to(port, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: gzip\r\n"
                                   b"Content-Length: %d\r\n\r\n%b%b" % (len(packed), packed, ASKED))
        assert said.count(b"HTTP/1.1 200 OK") == 2


@pytest.mark.parametrize("asked", [
    b"GET /kiosk/tv.HEMMELIG\x01/ HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET /kiosk/tv.HEMMELIG/ HTTP/7.7\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nCookie: slmon_session=HEMMELIG\x00\r\n\r\n",
    b"GET /kiosk/tv.HEMMELIG%b/ HTTP/1.1\r\nHost: localhost\r\n\r\n" % (b"x" * 9000),
    b"POST /goals HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nHEMMELIG\r\n"])
async def test_what_is_no_http_is_neither_logged_nor_told_back(asked, caplog):
    refused = Counter()
    with caplog.at_level(logging.INFO):
        async with open_house(refused) as port:
            said = await said_to(port, asked)
            assert said.startswith(b"HTTP/1.0 400 ")
            assert b"HEMMELIG" not in said
            assert b"aiohttp" not in said
    assert "HEMMELIG" not in caplog.text
    assert refused == {"malformed": 1}


async def test_who_leaves_in_the_middle_of_a_form_is_no_error(caplog):
    async with serve(make_app(guarded()), "127.0.0.1", 0) as url:
        port = int(url.rstrip("/").rpartition(":")[2])
        reader, writer = await connected(port)
        writer.write(b"POST /login HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nExpect: 100-continue\r\n"
                     b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nname=x")
        await reader.readuntil(b"100 Continue\r\n\r\n")               # it waits for the rest now
        writer.transport.abort()
        assert b"200 OK" in await answer(port)
    assert caplog.text == ""


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="the kernel has no such limit")
async def test_who_asks_and_takes_no_answer_is_let_go():
    async with open_house(at_most=1, unread_seconds=0.5) as port:
        with socket.socket() as asker:
            asker.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            asker.setblocking(False)
            await asyncio.get_running_loop().sock_connect(asker, ("127.0.0.1", port))
            for _ in range(300):                 # the kernel takes 4 MB for one that does not read
                asker.send(b"GET /static/x/inter.woff2 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            said = await answer(port)
            assert said.startswith(b"HTTP/1.1 503 ")
            async with asyncio.timeout(20):
                while not said.startswith(b"HTTP/1.1 200 "):
                    await asyncio.sleep(0.05)
                    said = await answer(port)


# -- limits

def keeper(refused, **limits):
    return Doorkeeper(asyncio.Protocol, Limits(100, **limits), lambda why: refused.update([why]))


def test_one_address_may_have_so_many_and_others_have_theirs():
    refused = Counter()
    door = keeper(refused, of_one_address=2)
    assert [door.enter("192.0.2.1") is not None for _ in range(3)] == [True, True, False]
    assert door.enter("192.0.2.2") is not None
    door.left("192.0.2.1")
    assert door.enter("192.0.2.1") is not None
    assert refused == {"address": 1}


def test_all_addresses_of_one_house_are_one():
    door = keeper(Counter(), of_one_address=2)
    assert [door.enter(f"2001:db8::{number}") is not None for number in range(1, 4)] == [True, True, False]
    assert door.enter("2001:db8:0:1::1") is not None
    assert [door.enter(f"::ffff:192.0.2.{number}") is not None for number in range(1, 4)] == [True] * 3


def test_behind_the_proxy_and_on_this_machine_an_address_stands_for_many():
    door = keeper(Counter(), of_one_address=2, trusted="192.0.2.9".__eq__)
    many = "192.0.2.9", "127.0.0.1", "::1", "::ffff:127.0.0.1"
    assert all(door.enter(address) is not None for address in many for _ in range(10))


def test_there_are_files_left_for_the_pbx_and_the_database(monkeypatch):
    monkeypatch.setattr("slmon.web.door.resource.getrlimit", lambda _: (300, 300))
    assert limits_for(500).at_most == 172
    monkeypatch.setattr("slmon.web.door.resource.getrlimit", lambda _: (100_000, 100_000))
    assert limits_for(500).at_most == 700
