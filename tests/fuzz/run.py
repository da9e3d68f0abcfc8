"""Fuzz what slmon reads, guided by the code that each input reaches (atheris, libFuzzer's engine for Python).

    python tests/fuzz/run.py ami|logs [--runs N] [--seconds S] [--seed N] [--keep FOLDER]

`ami`: bytes of an AMI connection, through the wire, the translation and the switchboard. `logs`: lines of CEL,
queue_log and CDR, through their readers and the reconciling. It begins with pieces of the recordings and of the
simulated PBX's logs. What breaks a rule of targets.py ends it with exit code 77 and the input in the folder, as
`crash-...`; `--again FILE` tries one input once more. With `--keep`, what was found out is the beginning of the
next time: let it run for hours there. The same seed and number of runs try the same inputs.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from random import Random

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import atheris  # noqa: E402 (what is imported after this is watched)

with atheris.instrument_imports(include=["slmon"]):
    import targets

import seeds  # noqa: E402

LONGEST = 5000


def mutated(data: bytes, longest: int, seed: int) -> bytes:
    """Half of the time whole messages or lines change places, are gone or twice, or take an id of another."""
    random = Random(seed)
    if random.random() < 0.5:
        return bytes(atheris.Mutate(data, longest))
    head, parts = data[:targets.HEAD], data[targets.HEAD:].split(seeds.mark(data))
    for _ in range(random.randint(1, 4)):
        parts = seeds.shuffled(parts, random)
    return (head + seeds.mark(data).join(parts))[:longest]


def main() -> None:
    """Never returns: the engine ends the process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", choices=targets.TARGETS)
    parser.add_argument("--runs", type=int, default=-1, help="inputs to try; without it, without end")
    parser.add_argument("--seconds", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--again", type=Path, help="an input that was found, once more")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = words.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        arguments = [f"-runs={words.runs}", f"-max_total_time={words.seconds}", f"-seed={words.seed}",
                     f"-max_len={LONGEST}", f"-artifact_prefix={folder}/", "-timeout=60", "-rss_limit_mb=2048",
                     f"-dict={seeds.dictionary(folder)}", "-print_final_stats=1", "-close_fd_mask=0"]
        if words.again is None:
            (folder / "inputs").mkdir(exist_ok=True)
            seeds.write(words.target, folder / "inputs")
            arguments.append(str(folder / "inputs"))
        else:
            arguments.append(str(words.again))
        atheris.Setup([sys.argv[0], *arguments], targets.TARGETS[words.target], custom_mutator=mutated)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
