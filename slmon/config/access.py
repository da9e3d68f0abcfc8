"""Who may see what, as far as two keys or a look at a password tell a mistake. Knows the words, checks no visitor."""

from collections.abc import Iterator

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from slmon.config.checks import Document, listed, table_of, tables
from slmon.config.problems import Problem, problem
from slmon.config.web import listen_of
from slmon.config.words import is_password

EXAMPLE_PASSWORDS = ("eksempel", "slmon")
"""What the examples are made of, and what is typed first."""


def exposed(document: Document) -> Iterator[Problem]:
    """Pages that others than this machine could see, without a word on who may."""
    given = (table_of(document, "web") or {}).get("listen")
    listen = listen_of(given)
    if listen is not None and not listen.loopback and table_of(document, "access") is None:
        yield problem(document, ("web", "listen"),
                      "must be of this machine only, or everybody would see everything; add [access], which says who "
                      "may see what, or write 127.0.0.1:8080", given)


def in_the_clear(document: Document) -> Iterator[Problem]:
    """Passwords that cross a network as they are typed."""
    given = (table_of(document, "web") or {}).get("listen")
    listen = listen_of(given)
    passwords = any("password" in table for _, table in tables(document, "user"))
    if passwords and listen is not None and not listen.loopback:
        yield problem(document, ("web", "listen"),
                      "lets passwords cross the network in the clear; put a reverse proxy with TLS before it", given)


def access_checks(document: Document) -> Iterator[Problem]:
    """Every mistake about access that takes two keys to see."""
    access = table_of(document, "access")
    if access is None:
        for section in ("user", "kiosk"):
            for index, _ in tables(document, section)[:1]:
                yield problem(document, (section, index), "has no effect without [access]; add [access] with key_file")
        return
    signed = [section for section in ("user", "kiosk") if tables(document, section)]
    if signed and "key_file" not in access:
        yield problem(document, ("access",), f"needs key_file for [[{signed[0]}]]; "
                                             "make one with: head -c 32 /dev/urandom | base64 > access.key")
    if not signed and not {"anonymous", "proxy"} & access.keys():
        yield problem(document, ("access",), "lets nobody see a board; add a [[user]], a [[kiosk]], a proxy, or "
                                             'anonymous = "viewer"')
    yield from _kiosk_views(document)
    yield from _proxy(document, access)


def _kiosk_views(document: Document) -> Iterator[Problem]:
    known = {str(table.get("name")) for _, table in tables(document, "view")} or {"all"}
    for index, table in tables(document, "kiosk"):
        yield from listed(document, ("kiosk", index, "views"), table.get("views"), known, "view")


def _proxy(document: Document, access: Document) -> Iterator[Problem]:
    proxy = access.get("proxy")
    if isinstance(proxy, dict) and "user_header" not in proxy and {"role_header", "role"} & proxy.keys():
        yield problem(document, ("access", "proxy"), "tells of no user, so role_header and role say nothing; add "
                                                     "user_header, which the proxy has to set or remove each time")


def example_passwords(document: Document) -> Iterator[Problem]:
    """Passwords that everybody can read in the examples."""
    for index, table in tables(document, "user"):
        password = table.get("password")
        if is_password(password) and any(_fits(str(password), example) for example in EXAMPLE_PASSWORDS):
            yield problem(document, ("user", index, "password"),
                          "is the example's, which everybody knows; make another with: slmon password")


def _fits(password: str, example: str) -> bool:
    try:
        return PasswordHasher().verify(password, example)
    except (Argon2Error, InvalidHashError):
        return False
