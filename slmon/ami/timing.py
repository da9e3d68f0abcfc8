"""How long a link waits for what, and before it tries again."""

import random
from dataclasses import dataclass

_LASTED = 60.0                         # seconds after which a connection was a good one, and back-off starts anew


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the link waits, in seconds."""

    connect: float = 5.0                         # each address
    banner: float = 10.0
    action: float = 10.0
    ping_every: float = 5.0
    silence: float = 9.5                         # without a byte, though pinged: no longer trusted
    patience: float = 40.0                       # without a byte: given up
    reread: float = 2.0                          # after a reload of the PBX
    count_every: float = 5.0                     # between looks at how many calls the PBX has handled
    look_around: float = 60.0                    # between looks at the channels, and at what the rights let through
    quick: tuple[float, float] = (0.5, 5.0)      # back-off of lost links, first and longest
    slow: tuple[float, float] = (2.0, 60.0)      # of refusals: login, certificate, no AMI
    relist: tuple[float, float] = (0.5, 10.0)    # of lists that do not complete, as just after a PBX start


class BackOff:
    """How long to wait before the next attempt."""

    def __init__(self) -> None:
        self._longest_now = 0.0

    def failed(self, between: tuple[float, float], lasted_seconds: float) -> None:
        """An attempt came to nothing after so long; the pause is to be between these, the first and the longest."""
        first, longest = between
        if not self._longest_now or lasted_seconds > _LASTED:
            self._longest_now = first
        else:
            self._longest_now = min(max(self._longest_now, first) * 2, longest)

    @property
    def pause(self) -> float:
        """Seconds to wait: by chance, so that fifty PBXes that come back together are not logged in to together."""
        return self._longest_now * random.uniform(0.5, 1.0)
