"""How long a link waits for what."""

from dataclasses import dataclass


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
    relist: tuple[float, float] = (0.5, 60.0)    # of lists that do not complete, as just after a PBX start
