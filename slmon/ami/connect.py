"""Reach a PBX's port: its name, its addresses, its certificate. Says nothing to it; knows nothing of AMI."""

import asyncio
import contextlib
import os
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from slmon.addresses import address_of
from slmon.ami.conversation import Conversation, LinkLost
from slmon.core.instant import Instant


@dataclass(frozen=True, slots=True)
class PbxAccess:
    """Where a PBX is and how to log in. Shows no secret in its repr."""

    name: str
    host: str
    port: int
    username: str
    secret: str = field(repr=False)
    tls: bool = False
    ca_file: Path | None = None
    server_name: str | None = None
    prove_secret: bool = True          # by MD5, so that the secret is never on the wire; False: say it


class Refused(LinkLost):
    """Trying again soon will not help."""


class Port:
    """The port of one PBX."""

    def __init__(self, access: PbxAccess, address_seconds: float, unheard_seconds: float) -> None:
        """`address_seconds`: how long each address may take; `unheard_seconds`: our bytes' way without an echo."""
        self._access = access
        self._address_seconds, self._unheard_seconds = address_seconds, unheard_seconds
        self._tls: ssl.SSLContext | None = None
        self._looking: asyncio.Future[list[str]] | None = None      # a look-up that is under way
        self._addresses: list[str] = []                             # that the name had last
        self.certificate_ends_at: Instant | None = None

    async def connect(self, conversation: Callable[[], Conversation]) -> Conversation:
        """A connection to the first address that takes one. LinkLost: none does; Refused: the certificate is wrong."""
        loop, access = asyncio.get_running_loop(), self._access
        tls = self._tls_context() if access.tls else None
        tried: list[str] = []
        for address in await self._look_up(tried):
            try:
                async with asyncio.timeout(self._address_seconds):
                    transport, connected = await loop.create_connection(
                        conversation, address, access.port, ssl=tls,
                        server_hostname=(access.server_name or access.host) if tls else None)
            except TimeoutError:
                tried.append(f"{address} does not answer")
            except ssl.SSLError as error:
                raise Refused(_tls_in_words(error, access)) from None
            except OSError as error:
                tried.append(f"{address}: {_os_in_words(error)}")
            except ValueError:
                raise Refused(f"server_name {access.server_name or access.host} is no host name") from None
            else:
                _give_up_unheard(transport, self._unheard_seconds)
                self._note_certificate(transport)
                return connected
        raise LinkLost("; ".join(tried))

    async def _look_up(self, tried: list[str]) -> list[str]:
        """All addresses of the host, the system's order; while no resolver tells any, those that it had last."""
        access = self._access
        if address_of(access.host) is not None:
            return [access.host]
        if self._looking is None:                # one at a time, however long it takes
            self._looking = _in_a_thread_of_its_own(access.host, access.port)
        try:
            async with asyncio.timeout(self._address_seconds):
                found = await asyncio.shield(self._looking)
        except TimeoutError:
            tried.append(f"looking up {access.host} takes too long")
        else:
            self._looking = None
            self._addresses = found or self._addresses
            if not found:
                tried.append(f"{access.host} has no address")
        return self._addresses

    def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:
            try:
                self._tls = ssl.create_default_context(cafile=self._access.ca_file)
            except OSError as error:
                reason = (error.strerror or "holds no certificate").lower()
                raise Refused(f"ca_file {self._access.ca_file}: {reason}") from None
        return self._tls

    def _note_certificate(self, transport: asyncio.Transport) -> None:
        certificate = transport.get_extra_info("peercert")
        if certificate:
            self.certificate_ends_at = ssl.cert_time_to_seconds(certificate["notAfter"]) * 10**6


def _in_a_thread_of_its_own(host: str, port: int) -> asyncio.Future[list[str]]:
    """The addresses of a name; none where it has none.

    A resolver that hangs keeps nobody waiting: neither what else needs a thread, nor the end of the process.
    """
    loop = asyncio.get_running_loop()
    told: asyncio.Future[list[str]] = loop.create_future()

    def look_up() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            found = []
        with contextlib.suppress(RuntimeError):          # the loop is closed: nobody asks any more
            loop.call_soon_threadsafe(told.set_result, list(dict.fromkeys(str(each[4][0]) for each in found)))

    threading.Thread(target=look_up, name=f"look up {host}", daemon=True).start()
    return told


def _give_up_unheard(transport: asyncio.Transport, seconds: float) -> None:
    """Let the kernel end a connection whose far end has not even acknowledged our bytes: half open."""
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        transport.get_extra_info("socket").setsockopt(
            socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))


def _os_in_words(error: OSError) -> str:
    return (os.strerror(error.errno) if error.errno else str(error)).lower()


def _tls_in_words(error: ssl.SSLError, access: PbxAccess) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate of {access.host} refused: {error.verify_message.lower()}"
    if error.reason == "WRONG_VERSION_NUMBER":
        return f"port {access.port} speaks no TLS"
    return f"TLS with {access.host} failed: {(error.reason or str(error)).lower().replace('_', ' ')}"
