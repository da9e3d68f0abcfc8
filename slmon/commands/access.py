"""`slmon password` and `slmon kiosk`: what is written into slmon.toml, and what comes of it. Keeps nothing."""

import getpass
import sys
from urllib.parse import quote

from argon2 import PasswordHasher

from slmon.access import signing_of
from slmon.config import Config
from slmon.config.access import EXAMPLE_PASSWORDS

SHORTEST_PASSWORD = 10


class PasswordError(Exception):
    """The password will not do; the message says why."""


class UnknownKiosk(Exception):
    """There is no kiosk of that name, or none at all."""


def typed_password() -> str:
    """The password as it is typed, twice, unseen; or the first line of what is piped in."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != first:
        raise PasswordError("the two are not the same; nothing was made")
    return first


def hashed(password: str) -> str:
    """What slmon.toml holds of a password. Raises PasswordError for one that is too easy."""
    if len(password) < SHORTEST_PASSWORD or password in EXAMPLE_PASSWORDS:
        raise PasswordError(f"a password has {SHORTEST_PASSWORD} signs or more; three words are a good one")
    return PasswordHasher().hash(password)


def kiosk_addresses(config: Config, name: str | None) -> list[str]:
    """The addresses of the kiosks, or of the one of that name. Raises UnknownKiosk."""
    signing = signing_of(config)
    wanted = [each for each in config.kiosk if name in (None, each.name)]
    if signing is None or not wanted:
        known = ", ".join(each.name for each in config.kiosk)
        raise UnknownKiosk("there is no [[kiosk]]" + (f" {name}; there is {known}" if known else " in slmon.toml"))
    front = config.web.url or f"http://{config.web.listen}/"
    return [f"{front}kiosk/{quote(signing.kiosk(each.name), safe='')}/" for each in wanted]
