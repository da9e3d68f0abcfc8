"""Sign sessions and kiosk addresses with the house's key, and tell which are still good. Knows no request."""

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from itsdangerous import BadSignature, Signer, URLSafeTimedSerializer

MOST_ENDED = 2000          # sessions remembered as ended; those are people who logged out within a session's time
_SIGNER: dict[str, Any] = {"digest_method": hashlib.sha256, "key_derivation": "hmac"}


@dataclass(frozen=True, slots=True)
class Session:
    """A login, as its cookie tells it."""

    user: str
    id: str
    password: str          # what the user's password was then, as a fingerprint


class Signing:
    """The house's seal. `ended` and `keep_ended` hold the sessions that were logged out, over restarts."""

    def __init__(self, key: bytes, zone: ZoneInfo, ended: str = "",
                 keep_ended: Callable[[str], None] = lambda text: None) -> None:
        self._sessions = URLSafeTimedSerializer(key, salt="slmon session", signer_kwargs=_SIGNER)
        self._kiosks = Signer(key, salt="slmon kiosk", **_SIGNER)
        self._zone = zone
        self._ended = dict.fromkeys(ended.split())
        self._keep_ended = keep_ended

    # -- sessions

    def session(self, user: str, password: str) -> str:
        """A new session's cookie, for a user with this password hash."""
        return self._sessions.dumps([user, secrets.token_urlsafe(12), fingerprint(password)])

    def session_of(self, cookie: str, seconds: float) -> Session | None:
        """The session of a cookie; None when it is forged, older than so many seconds, or logged out."""
        try:
            told = self._sessions.loads(cookie, max_age=int(seconds))
        except BadSignature:       # expired ones too
            return None
        session = Session(*told)
        return None if session.id in self._ended else session

    def fits(self, session: Session, password: str) -> bool:
        """Whether the user still has the password that the session began with: a new one ends all sessions."""
        return bool(password) and secrets.compare_digest(session.password, fingerprint(password))

    def end(self, session: str) -> None:
        """Let the session be over, whoever has a copy of its cookie."""
        self._ended[session] = None
        while len(self._ended) > MOST_ENDED:
            del self._ended[next(iter(self._ended))]
        self._keep_ended(" ".join(self._ended))

    # -- kiosks

    def kiosk(self, name: str) -> str:
        """The token in a kiosk's address: its name, signed."""
        return self._kiosks.sign(name.encode("utf-8", "replace")).decode()

    def kiosk_of(self, token: str) -> str | None:
        """The name of the kiosk that the token is of; None when it is forged."""
        name = token.rpartition(".")[0]
        good = secrets.compare_digest(token.encode("utf-8", "replace"), self.kiosk(name).encode("utf-8", "replace"))
        return name if good else None          # no other spelling of the same signature

    def is_over(self, until: date | None) -> bool:
        """Whether the last day has passed, in the house's time zone."""
        return until is not None and datetime.fromtimestamp(time.time(), UTC).astimezone(self._zone).date() > until


def fingerprint(password: str) -> str:
    """A short word for a password hash; nothing of it can be told from that."""
    return hashlib.sha256(password.encode()).hexdigest()[:16]
