"""What the web may show to whom, from the configuration and the store. Wiring only; knows no request."""

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_network

import structlog

from slmon.addresses import Network, is_in
from slmon.config import Config
from slmon.core.instant import Instant
from slmon.store.calls import CallStore
from slmon.store.schema import StoreError
from slmon.web.access import Access, Kiosk, Proxy, User
from slmon.web.house import House
from slmon.web.rooms import Role
from slmon.web.signing import Signing

ENDED = "sessions that were ended"          # the store's note of them

log = structlog.get_logger(__name__)


def guarded(house: House, config: Config, store: CallStore, now: Callable[[], Instant]) -> House:
    """The house, with all that the configuration says of its web, and its books kept in the store."""
    web = config.web
    return replace(
        house, hosts=web.hosts, frame_ancestors=web.frame_ancestors, silent_after_seconds=web.silent_after_seconds,
        url=web.url, browsers_at_most=web.browsers_at_most, access=access_of(config),
        note=lambda who, what: store.audit(who, what, now()), ended_sessions=_ended(store),
        keep_ended_sessions=lambda ended: store.put_note(ENDED, ended))


def access_of(config: Config) -> Access | None:
    """Who may see what; None where all may see all."""
    told = config.access
    if told is None:
        return None
    key, token = config.access_key, config.scrape_token
    return Access(
        key=b"" if key is None else key.get_secret_value(),
        users=tuple(User(each.name, _role(each.role), "" if each.password is None else each.password.get_secret_value())
                    for each in config.user),
        kiosks=tuple(Kiosk(each.name, each.views, each.seconds, each.until) for each in config.kiosk),
        anonymous=Role.ANYONE if told.anonymous is None else _role(told.anonymous),
        session_seconds=told.session_hours * 3600,
        proxy=_proxy(config), scrapers=_networks(told.scrapers),
        scrape_token=b"" if token is None else token.get_secret_value())


def stands_for_many(config: Config) -> Callable[[str], bool]:
    """Whether an address is the reverse proxy's, behind which everybody comes."""
    networks = _proxy(config).networks
    return lambda address: is_in(address, networks)


def signing_of(config: Config) -> Signing | None:
    """The seal of kiosk addresses; None without a key."""
    key = config.access_key
    return None if key is None else Signing(key.get_secret_value(), config.site.zone)


def _proxy(config: Config) -> Proxy:
    told = None if config.access is None else config.access.proxy
    if told is None:
        return Proxy()
    return Proxy(_networks(told.addresses), told.user_header, told.role_header, _role(told.role))


def _networks(addresses: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ip_network(each) for each in addresses)


def _role(word: str) -> Role:
    return Role[word.upper()]


def _ended(store: CallStore) -> str:
    try:
        return store.note(ENDED) or ""
    except StoreError as error:
        log.error("logins that were ended before are not known, so stolen ones may be good again", reason=str(error))
        return ""
