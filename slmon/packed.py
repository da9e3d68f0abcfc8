"""Open a file, plain or packed. Knows names and packing; knows nothing of what is in it."""

import gzip
import lzma
from pathlib import Path
from typing import BinaryIO, cast


def opened(path: Path, file: BinaryIO | None = None) -> BinaryIO:
    """The bytes of a plain, .xz or .gz file, to be read; of `file`, where the path is open already."""
    if path.suffix == ".xz":
        return cast(BinaryIO, lzma.open(file or path))
    if path.suffix == ".gz":
        return cast(BinaryIO, gzip.open(file or path))
    return file or path.open("rb")
