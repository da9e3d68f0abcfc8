"""The link to a PBX, over real TCP, against the simulated one and against things that are no PBX."""

import asyncio
import contextlib
import socket
import ssl
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from ami_server import (
    NOON,
    QUICK,
    SECRET,
    AmiServer,
    access,
    busy_pbx,
    following,
    idle_pbx,
    port_that_says,
)
from asterisk.ami.action import Action, SimpleAction

from slmon.ami.actions import NotAllowed, action, spoken
from slmon.ami.connect import PbxAccess
from slmon.ami.state import Complaint, LinkStatus
from slmon.core.events import CallsCounted, LegStarted, SnapshotTaken, StreamLost, SwitchBooted


def the_last_snapshot(followed):
    return [event for event in followed.of(SnapshotTaken) if event.legs is not None][-1]


async def test_a_link_comes_up_with_a_snapshot_of_all_that_goes_on():
    async with busy_pbx() as pbx, following(access(pbx.port)) as followed:
        await followed.until_status(LinkStatus.UP)
        snapshot = the_last_snapshot(followed)
        assert {leg.leg for leg in snapshot.legs} <= set(pbx.day.pbx.channels) | {leg.leg for leg in snapshot.legs}
        assert len(snapshot.legs) > 5
        assert len(snapshot.devices) == 33
        assert {member.queue for member in snapshot.members} == {"dagpenge", "medlemskab", "efterløn", "overløb"}


async def test_events_follow_the_snapshot():
    async with busy_pbx(speed=60) as pbx, following(access(pbx.port)) as followed:
        await followed.until(lambda: followed.of(LegStarted))
        assert bytes(followed.read).startswith(b"Asterisk Call Manager/")


async def test_the_boot_is_told_before_the_first_snapshot():
    async with idle_pbx() as pbx, following(access(pbx.port)) as followed:
        await followed.until_status(LinkStatus.UP)
        kinds = [type(event) for event in followed.events]
        assert kinds.index(SwitchBooted) < kinds.index(SnapshotTaken)


async def test_the_pbx_is_asked_again_and_again_how_many_calls_it_has_handled():
    async with busy_pbx(speed=60) as pbx, following(access(pbx.port)) as followed:
        await followed.until(lambda: len({event.handled for event in followed.of(CallsCounted)}) > 2)
        counts = [event.handled for event in followed.of(CallsCounted)]
        assert counts == sorted(counts)


async def test_the_channels_are_listed_again_and_again_and_nothing_else_is_told_twice():
    async with busy_pbx() as pbx, following(access(pbx.port)) as followed:
        await followed.until(lambda: len(followed.of(SnapshotTaken)) > 2)
        first, *others = followed.of(SnapshotTaken)
        assert first.devices
        assert first.members
        assert {(each.callers, each.members, each.devices) for each in others} == {(None, (), ())}
        assert all(len(each.legs) > 5 for each in others)


async def test_the_pbx_clock_is_used_even_where_no_event_comes():
    async with idle_pbx() as pbx, following(access(pbx.port)) as followed:
        await followed.until_status(LinkStatus.UP)
        assert NOON <= followed.link.now() < NOON + 60_000_000
        assert the_last_snapshot(followed).at < NOON + 60_000_000


async def test_the_secret_is_proved_and_never_said():
    async with idle_pbx() as pbx, following(access(pbx.port)) as followed:
        await followed.until_status(LinkStatus.UP)
        assert not any(SECRET.encode() in said for said in pbx.received)


async def test_a_plain_login_says_the_secret_where_it_is_wanted():
    async with idle_pbx() as pbx, following(access(pbx.port, prove_secret=False)) as followed:
        await followed.until_status(LinkStatus.UP)
        assert any(SECRET.encode() in said for said in pbx.received)


async def test_a_pbx_without_md5_is_refused_and_not_told_the_secret():
    async with idle_pbx() as pbx, following(access(pbx.port)) as followed:
        pbx.faults.challenge = False
        state = await followed.until_status(LinkStatus.REFUSED)
        assert "MD5" in state.reason
        assert not any(SECRET.encode() in said for said in pbx.received)


async def test_a_wrong_secret_is_refused_in_words_without_the_secret():
    async with idle_pbx() as pbx, following(access(pbx.port, secret="forkert-ord")) as followed:
        state = await followed.until_status(LinkStatus.REFUSED)
        assert state.reason == "login of slmon refused: Authentication failed"
        assert "forkert-ord" not in repr((state, followed.link.access))


async def test_a_refused_login_is_tried_again_and_comes_up_when_the_secret_is_right():
    async with idle_pbx() as pbx, following(access(pbx.port)) as followed:
        pbx.faults.challenge = False
        await followed.until_status(LinkStatus.REFUSED)
        pbx.faults.challenge = True
        await followed.until_status(LinkStatus.UP)


@pytest.mark.parametrize("said", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n", b"", b"\x15\x03"])
async def test_the_secret_is_never_sent_to_a_port_that_is_no_ami(said):
    async with port_that_says(said) as (port, told), following(access(port, prove_secret=False)) as followed:
        await followed.until_status(LinkStatus.REFUSED)
        assert told == b""


async def test_nothing_is_believed_of_a_port_that_is_no_ami():
    said = b"HTTP/1.1 200 OK\r\nEvent: Newchannel\r\nPrivilege: call,all\r\nTimestamp: 1795417130.000000\r\n\r\n"
    said += b"Event: Hangup\r\nPrivilege: call,all\r\nUniqueid: 1.1\r\n\r\n"
    async with port_that_says(said) as (port, _), following(access(port)) as followed:
        await followed.until_status(LinkStatus.REFUSED)
        assert [type(event) for event in followed.events] == [StreamLost]


async def test_a_server_name_that_is_none_is_refused_in_words():
    async with idle_pbx() as pbx, following(replace(access(pbx.port), tls=True, server_name="." * 70)) as followed:
        state = await followed.until_status(LinkStatus.REFUSED)
        assert "is no host name" in state.reason


async def test_a_closed_port_is_said_in_words():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        async with following(access(taken.getsockname()[1])) as followed:
            state = await followed.until_status(LinkStatus.DOWN)
            assert state.reason == "127.0.0.1: connection refused"


async def test_all_addresses_of_a_name_are_tried(monkeypatch):
    def of_any_name(_, port, **__):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in ("127.0.0.2", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", of_any_name)
    async with idle_pbx() as pbx, following(replace(access(pbx.port), host="pbx.example")) as followed:
        await followed.until_status(LinkStatus.UP)
        await pbx.stop()
        await followed.until(lambda: "127.0.0.2: connection refused; 127.0.0.1: " in followed.link.state.reason)


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
async def test_ipv6_alone_is_enough():
    async with idle_pbx(host="::1") as pbx, following(replace(access(pbx.port), host="::1")) as followed:
        await followed.until_status(LinkStatus.UP)


async def test_a_name_without_address_is_said_in_words():
    nowhere = PbxAccess("pbx1", "pbx.invalid", 5038, "slmon", SECRET)
    async with following(nowhere) as followed:
        state = await followed.until_status(LinkStatus.DOWN)
        assert state.reason == "pbx.invalid has no address"


async def test_a_resolver_that_hangs_keeps_nobody_waiting_and_is_asked_once(monkeypatch):
    answers, asked = threading.Event(), []

    def hang(host, *_, **__):
        asked.append(host)
        answers.wait(30)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0))]
    monkeypatch.setattr(socket, "getaddrinfo", hang)
    async with contextlib.AsyncExitStack() as stack:
        pbx = await stack.enter_async_context(idle_pbx())
        hosts = [f"pbx{number}.example" for number in range(40)]
        named = [await stack.enter_async_context(following(
            replace(access(pbx.port), host=host), replace(QUICK, connect=0.05))) for host in hosts]
        numbered = await stack.enter_async_context(following(access(pbx.port)))
        await numbered.until_status(LinkStatus.UP)
        for followed in named:
            state = await followed.until_status(LinkStatus.DOWN)
            assert state.reason.endswith(".example takes too long")
        assert await asyncio.wait_for(asyncio.to_thread(int, "1"), 5) == 1       # threads are left for others
        answers.set()
        for followed in named:                       # what is told late is good the next time
            await followed.until_status(LinkStatus.UP)
        assert sorted(asked) == sorted(hosts)


async def test_while_no_resolver_answers_the_addresses_that_a_name_had_last_are_used(monkeypatch):
    async with idle_pbx() as pbx, following(replace(access(pbx.port), host="localhost")) as followed:
        await followed.until_status(LinkStatus.UP)

        def nobody(*_, **__):
            raise socket.gaierror(socket.EAI_AGAIN, "no resolver")
        monkeypatch.setattr(socket, "getaddrinfo", nobody)
        pbx.cut()
        await followed.until(lambda: pbx.logins == 2 and followed.link.state.is_up)
        await pbx.stop()
        await followed.until(lambda: followed.link.state.reason.startswith("localhost has no address; "))
        assert followed.link.state.reason.endswith("connection refused")


async def test_all_is_known_up_to_the_last_byte_and_nothing_while_the_link_is_down():
    async with idle_pbx() as pbx, following(access(pbx.port)) as followed:
        assert followed.link.heard_until is None
        await followed.until_status(LinkStatus.UP)
        pbx.faults.mute = True
        heard_until = followed.link.heard_until
        await asyncio.sleep(0.1)
        assert heard_until is not None
        assert abs(followed.link.heard_until - heard_until) < 1000
        assert followed.link.now() - heard_until >= 100_000
        await pbx.stop()
        await followed.until_status(LinkStatus.DOWN)
        assert followed.link.heard_until is None


async def test_a_gap_does_not_begin_before_what_was_read_last():
    async with busy_pbx(speed=60) as pbx, following(access(pbx.port), replace(QUICK, silence=30.0)) as followed:
        await followed.until(lambda: followed.of(LegStarted))
        last = followed.events[-1].at
        pbx.cut()
        await followed.until(lambda: followed.of(StreamLost))
        assert followed.of(StreamLost)[0].since >= last - 5_000


async def test_lists_that_do_not_exist_yet_are_asked_for_until_they_complete():
    async with busy_pbx() as pbx, following(access(pbx.port)) as followed:
        pbx.faults.unknown_actions = {"coreshowchannels", "queuestatus"}
        await followed.until(lambda: {Complaint.NO_QUEUES, Complaint.NOT_READY} <= followed.link.state.complaints)
        asked = len(pbx.received)
        await followed.until(lambda: len(pbx.received) > asked + 8)
        assert not followed.link.state.is_up
        pbx.faults.unknown_actions = set()
        await followed.until_status(LinkStatus.UP)
        await followed.until(lambda: not followed.link.state.complaints)


async def test_a_user_without_reporting_is_told_so_and_still_follows_calls():
    async with busy_pbx(speed=60) as pbx, following(access(pbx.port, "blind")) as followed:
        await followed.until(lambda: Complaint.NO_LISTS in followed.link.state.complaints)
        await followed.until(lambda: followed.link.state.is_up and followed.of(LegStarted))
        assert the_last_snapshot(followed).legs == ()


async def test_a_user_who_may_not_see_calls_is_told_so():
    async with busy_pbx(speed=60) as pbx, following(access(pbx.port, "deaf")) as followed:
        await followed.until(lambda: Complaint.NO_CALLS in followed.link.state.complaints)


async def test_a_user_who_may_not_see_queues_is_told_so():
    async with busy_pbx(speed=60) as pbx, following(access(pbx.port, "queueless")) as followed:
        await followed.until(lambda: Complaint.NO_AGENTS in followed.link.state.complaints)


async def test_a_user_with_all_rights_is_told_nothing():
    async with busy_pbx(speed=60) as pbx, following(access(pbx.port, "all")) as followed:
        await followed.until(lambda: len(followed.of(LegStarted)) > 20)
        assert not followed.link.state.complaints


async def test_events_without_a_time_are_told_so():
    async with idle_pbx() as pbx, following(access(pbx.port)) as followed:
        await followed.until_status(LinkStatus.UP)
        pbx.send(b"Event: Newchannel\r\nPrivilege: call,all\r\nUniqueid: 1.1\r\n\r\n")
        await followed.until(lambda: Complaint.NO_TIMESTAMPS in followed.link.state.complaints)


async def test_events_that_come_late_are_told_so():
    async with idle_pbx() as pbx, following(access(pbx.port)) as followed:
        await followed.until_status(LinkStatus.UP)
        late = NOON // 1_000_000 - 3
        pbx.send(b"Event: Newchannel\r\nPrivilege: call,all\r\nTimestamp: %d.000000\r\nUniqueid: 1.1\r\n\r\n" % late)
        await followed.until(lambda: Complaint.LATE_EVENTS in followed.link.state.complaints)
        assert followed.link.lag_seconds > 2


async def test_rights_that_no_wallboard_needs_are_named():
    async with (idle_pbx() as pbx, following(access(pbx.port)) as least,
                following(access(pbx.port, "caller")) as too_many):
        for followed, harmful in ((least, set()), (too_many, {"Originate"})):
            await followed.until_status(LinkStatus.UP)
            assert await followed.link.rights_too_many() == harmful


async def test_a_cancelled_link_says_goodbye():
    async with idle_pbx() as pbx:
        async with following(access(pbx.port)) as followed:
            await followed.until_status(LinkStatus.UP)
        async with asyncio.timeout(20):
            await pbx.empty.wait()
        assert b"Logoff" in pbx.received[-1]


# ---- what may be said


def test_an_action_that_is_not_ours_is_never_said():
    with pytest.raises(NotAllowed):
        spoken(SimpleAction("Originate", Channel="PJSIP/101"), "1")


@pytest.mark.parametrize("value", ["slmon\r\nAction: Originate", "slmon\n", "slmon\0"])
def test_a_line_break_in_a_value_is_never_said_nor_repeated(value):
    with pytest.raises(NotAllowed, match=r"^the action Login: Username holds a line break$"):
        spoken(action("Login", Username=value), "1")


def test_a_line_break_in_the_name_of_an_action_is_never_said():
    with pytest.raises(NotAllowed):
        spoken(Action("Ping\r\nAction: Originate"), "1")


# ---- TLS


@pytest.fixture(scope="session")
def certificates(tmp_path_factory) -> Path:
    """A CA, and certificates of it: a good one for 127.0.0.1, one for another name, an expired one, a short one."""
    folder = tmp_path_factory.mktemp("certificates")
    run = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout"]
    authority = ["ca.key", "-out", "ca.pem", "-days", "30", "-subj", "/CN=Test CA"]
    subprocess.run([*run, *authority], cwd=folder, check=True, capture_output=True)
    for name, names, days in [("good", "IP:127.0.0.1", "30"), ("other", "DNS:pbx.example", "30"),
                              ("old", "IP:127.0.0.1", "-1"), ("soon", "IP:127.0.0.1", "20")]:
        (folder / f"{name}.ext").write_text(f"subjectAltName={names}\n")
        subprocess.run(["openssl", "req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out",
                        f"{name}.csr", "-subj", f"/CN={name}"], cwd=folder, check=True, capture_output=True)
        sign = ["openssl", "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                "-CAcreateserial", "-out", f"{name}.pem", "-extfile", f"{name}.ext", "-days", days]
        subprocess.run(sign, cwd=folder, check=True, capture_output=True)
    return folder


def pbx_with(certificates: Path, name: str) -> AmiServer:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificates / f"{name}.pem", certificates / f"{name}.key")
    return idle_pbx(tls=tls)


async def test_tls_with_our_own_authority(certificates):
    async with (pbx_with(certificates, "good") as pbx,
                following(access(pbx.port, tls=True, ca_file=certificates / "ca.pem")) as followed):
        await followed.until_status(LinkStatus.UP)
        assert Complaint.CERTIFICATE_ENDS not in followed.link.state.complaints


async def test_a_certificate_that_ends_soon_is_told_so(certificates):
    async with (pbx_with(certificates, "soon") as pbx,
                following(access(pbx.port, tls=True, ca_file=certificates / "ca.pem")) as followed):
        await followed.until(lambda: Complaint.CERTIFICATE_ENDS in followed.link.state.complaints)


async def test_a_certificate_of_another_name_is_right_where_the_name_is_configured(certificates):
    to = {"tls": True, "ca_file": certificates / "ca.pem", "server_name": "pbx.example"}
    async with pbx_with(certificates, "other") as pbx, following(access(pbx.port, **to)) as followed:
        await followed.until_status(LinkStatus.UP)


@pytest.mark.parametrize(("name", "ca_file", "words"), [
    ("old", "ca.pem", "certificate has expired"),
    ("other", "ca.pem", "ip address mismatch"),
    ("good", "good.pem", "certificate of 127.0.0.1 refused: "),
    ("good", "missing.pem", "no such file"),
])
async def test_a_wrong_certificate_is_refused_in_words_and_nothing_is_said(certificates, name, ca_file, words):
    to = {"tls": True, "ca_file": certificates / ca_file}
    async with pbx_with(certificates, name) as pbx, following(access(pbx.port, **to)) as followed:
        state = await followed.until_status(LinkStatus.REFUSED)
        assert words in state.reason
        assert not pbx.received


async def test_tls_never_falls_back_to_plain(certificates):
    async with (idle_pbx() as pbx,
                following(access(pbx.port, tls=True, ca_file=certificates / "ca.pem")) as followed):
        state = await followed.until_status(LinkStatus.REFUSED)
        assert "speaks no TLS" in state.reason
        assert not any(b"Login" in said for said in pbx.received)


async def test_a_plain_link_to_a_tls_port_says_nothing(certificates):
    async with pbx_with(certificates, "good") as pbx, following(access(pbx.port)) as followed:
        await followed.until_status(LinkStatus.REFUSED)
        assert not pbx.received
