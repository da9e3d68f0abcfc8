"""How often a login may be tried: by one address, and for one user. Knows no password."""

import hashlib
import secrets

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter

from slmon.addresses import network_of

BY_ADDRESS = RateLimitItemPerMinute(20)            # a whole office may sit behind one address
FOR_USER = RateLimitItemPerMinute(10, multiples=10)
BUCKETS = 4096                                     # so many names are told apart, whatever is typed in


class Tries:
    """Counts logins that were tried."""

    def __init__(self) -> None:
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._salt = secrets.token_bytes(16)

    async def one_more(self, address: str, user: str) -> bool:
        """Count a try; False when it is one too many. Known and unknown users are alike."""
        by_address = await self._limiter.hit(BY_ADDRESS, "address", self._bucket(network_of(address)))
        return by_address and await self._limiter.hit(FOR_USER, "user", self._bucket(user))

    async def was_good(self, user: str) -> None:
        """Forget the user's tries."""
        await self._limiter.clear(FOR_USER, "user", self._bucket(user))

    def _bucket(self, text: str) -> str:
        """A word in place of what was typed: people type passwords into the wrong field."""
        digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=self._salt, digest_size=4).digest()
        return str(int.from_bytes(digest, "big") % BUCKETS)
