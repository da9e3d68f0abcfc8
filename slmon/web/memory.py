"""How much memory this process may still take. Knows Linux' words for it; knows no connection."""

from pathlib import Path

try:
    import resource
except ImportError:                        # Windows
    resource = None                        # type: ignore[assignment]

_STATM = Path("/proc/self/statm")
_CGROUP = Path("/proc/self/cgroup")
_CGROUPS = Path("/sys/fs/cgroup")


class MemoryRoom:
    """What the limits of the process (`ulimit -v`) and of its systemd unit (MemoryMax) leave."""

    def __init__(self) -> None:
        self._unit_at_most = _unit_at_most()

    def left(self) -> int | None:
        """Bytes; None: there is no limit, or nobody can tell."""
        try:
            size, resident = (int(pages) * resource.getpagesize() for pages in _STATM.read_text("ascii").split()[:2])
        except (AttributeError, OSError, ValueError):
            return None
        soft, _ = resource.getrlimit(resource.RLIMIT_AS)
        rooms = [soft - size] if soft != resource.RLIM_INFINITY else []
        if self._unit_at_most is not None:
            rooms.append(self._unit_at_most - resident)
        return min(rooms, default=None)


def _unit_at_most() -> int | None:
    """The least `memory.max` of the control group (version 2) and of those that it is in."""
    try:
        path = next(line[3:] for line in _CGROUP.read_text("utf-8").splitlines() if line.startswith("0::"))
    except (OSError, StopIteration):
        return None
    group = _CGROUPS / path.lstrip("/")
    return min((limit for each in (group, *group.parents) if each.is_relative_to(_CGROUPS)
                and (limit := _number(each / "memory.max")) is not None), default=None)


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text("ascii"))
    except (OSError, ValueError):              # there is none, or it is `max`
        return None
