"""Opens a delivered file as a stream of bytes, compressed or not, and turns what goes wrong into one clear line."""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from evalloop_assets.lake.errors import UserError
from evalloop_assets.logs.batch import UNDECODABLE

SHORTENED = "Deliver the whole file again."
BYTES_AT_ONCE = 1 << 16
UNPACK: dict[str, Callable[[BinaryIO], Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
COMPRESSED = (*UNPACK, ".zip")
"""Endings of compressed files."""


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Bytes of the file, unpacked by its last suffix (.gz, .bz2, .xz, .zip with one member)."""
    with ExitStack() as stack, reading(path):
        raw = stack.enter_context(path.open("rb"))
        suffix = path.suffix.lower()
        if suffix == ".zip":
            archive = stack.enter_context(zipfile.ZipFile(raw))
            members = [name for name in archive.namelist() if not name.endswith("/")]
            if len(members) != 1:
                raise UserError(str(path), f"holds {len(members)} files", "Pack one file, or unpack it.")
            yield cast(BinaryIO, stack.enter_context(archive.open(members[0])))
        elif suffix in UNPACK:
            yield cast(BinaryIO, stack.enter_context(UNPACK[suffix](raw)))
        else:
            yield raw


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """UserError that names the file for whatever reading it may raise."""
    try:
        yield
    except FileNotFoundError as error:
        raise UserError(str(path), "does not exist", "Check the path.") from error
    except (EOFError, lzma.LZMAError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(str(path), f"is cut short or damaged ({error})", SHORTENED) from error
    except OSError as error:
        raise UserError(str(path), f"cannot be read ({error.strerror or error})", "Check path and rights.") from error


class Utf8Marked:
    """A byte stream that is always UTF-8: each undecodable byte becomes `UNDECODABLE`, to be found in the values."""

    def __init__(self, source: BinaryIO) -> None:
        self.consumed = 0
        """Bytes read so far."""
        self._source = source
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")(errors="evalloop_mark")

    def read(self, size: int = -1) -> bytes:
        while True:
            raw = self._source.read(BYTES_AT_ONCE if size < 0 else size)
            self.consumed += len(raw)
            text = self._decoder.decode(raw, final=not raw)
            if text or not raw:
                return text.encode("utf-8")


def _mark(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return UNDECODABLE * (error.end - error.start), error.end


codecs.register_error("evalloop_mark", _mark)
