"""How fast the PBX's logs are read after a gap, beside what csv.reader needs to split the same bytes.

    python tests/bench/backfill.py [--megabytes 1000] [--kind queue_log|cel|cdr]

One process, one core, processor time; peak memory of the whole process. slmon goes the whole way: lines, calls, rules,
accounts. The made-up queue_log is of years; CEL and CDR are those of a recording, again and again, each later.
"""

import argparse
import csv
import lzma
import re
import resource
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from slmon.backfill.sources import Sources, gathered
from slmon.core.goals import Goal
from slmon.core.instant import SECOND
from slmon.core.site import Doors
from slmon.core.switchboard import Switchboard

RECORDING = Path(__file__).parents[1] / "recordings" / "reconnect"
BEGAN = 1_500_000_000
HOUSE = ZoneInfo("Europe/Copenhagen")


def queue_log(number: int) -> str:
    """Three lines of each of ten thousand callers."""
    lines = []
    for caller in range(number * 10_000, (number + 1) * 10_000):
        at = BEGAN + caller * 20
        who = f"pbx1-{at}.{caller * 5}|dagpenge"
        lines.append(f"{at}|{who}|NONE|ENTERQUEUE||70{caller % 1000000:06d}|1\n"
                     f"{at + 9}|{who}|Anne Andersen|CONNECT|9|pbx1-{at + 6}.{caller * 5 + 1}|3\n"
                     f"{at + 129}|{who}|Anne Andersen|COMPLETECALLER|9|120|1\n")
    return "".join(lines)


def again(log: str) -> Callable[[int], str]:
    """A recording's log, the n-th time 200 s later each."""
    told = lzma.decompress((RECORDING / log).read_bytes()).decode()

    def later(number: int) -> str:
        epochs = re.sub(r"17954\d{5}", lambda found: str(int(found[0]) + number * 200), told)
        return re.sub(r"2026-11-23 \d\d:\d\d:\d\d", lambda found: str(
            datetime.fromisoformat(found[0]) + timedelta(seconds=number * 200)), epochs)

    return later


KINDS: dict[str, Callable[[int], str]] = {"queue_log": queue_log, "cel": again("cel.csv.xz"),
                                          "cdr": again("Master.csv.xz")}


def written(kind: str, size: int, folder: Path) -> Path:
    """A log of that size."""
    path, number = folder / kind, 0
    with path.open("w", encoding="utf-8") as file:
        while file.tell() < size:
            file.write(KINDS[kind](number))
            number += 1
    return path


def split(path: Path, delimiter: str) -> float:
    """Processor time of csv.reader alone."""
    began = time.process_time()
    with path.open(newline="", encoding="utf-8") as file:
        for _ in csv.reader(file, delimiter=delimiter):
            pass
    return time.process_time() - began


def read(kind: str, path: Path) -> float:
    """Processor time of slmon, for a gap at the very beginning: all of the file is read."""
    board = Switchboard("pbx1", Doors(contexts=frozenset({"from-trunk"})), lambda at: Goal(), lambda at: True)
    gap = (BEGAN * SECOND, BEGAN * SECOND + 60 * SECOND)
    began = time.process_time()
    gathered(Sources(**{kind: (path,)}), board, lambda at: True, HOUSE, [], [gap])
    return time.process_time() - began


def main() -> None:
    """Print a line a kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--kind", choices=sorted(KINDS), action="append")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for kind in asked.kind or KINDS:
            path = written(kind, asked.megabytes * 1_000_000, Path(folder))
            size = path.stat().st_size / 1e6
            bare, whole = split(path, "|" if kind == "queue_log" else ","), read(kind, path)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            print(f"{kind:9} {size:.0f} MB: {whole:.1f} s, {size / whole:.0f} MB/s; csv.reader {size / bare:.0f} MB/s; "
                  f"{whole / bare:.1f} times its time; at most {peak} MB of memory")
            path.unlink()


if __name__ == "__main__":
    main()
