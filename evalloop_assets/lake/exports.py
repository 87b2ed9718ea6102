"""Files that leave the lake: written whole or not at all, told by a manifest, and listed so that erasure finds them.

Beside each file stands `<name>.manifest.json`; `exports.jsonl` in the home folder has one line for every export ever
begun, wherever it was written. The line comes first: a killed export leaves a line too many, never a file unlisted.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import IO, Any

REGISTRY = "exports.jsonl"


def default_folder(home: Path) -> Path:
    return home / "exports"


def manifest_of(path: Path) -> Path:
    return path.with_name(path.name + ".manifest.json")


def exported_files(home: Path) -> list[Path]:
    """Every file that was ever exported from this home, in order; some may be gone by now."""
    registry = home / REGISTRY
    lines = registry.read_text(encoding="utf-8").splitlines() if registry.exists() else []
    return list(dict.fromkeys(Path(json.loads(line)["path"]) for line in lines))


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """A file beside `path` to write into, which is gone when the block ends unless it was published."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def publish(home: Path, written: Path, path: Path, about: Mapping[str, Any]) -> dict[str, Any]:
    """List the export, then put manifest and file in their places; gives the manifest."""
    target = path.resolve()
    manifest = {"path": str(target), **about, "bytes": written.stat().st_size, "sha256": digest(written)}
    line = {"path": str(target), "manifest": str(manifest_of(target)), "sha256": manifest["sha256"]}
    with (home / REGISTRY).open("a", encoding="utf-8") as registry:
        registry.write(json.dumps(line, ensure_ascii=False) + "\n")
        _settle(registry)
    with writing(manifest_of(target)) as temporary:
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(manifest, file, indent=1, ensure_ascii=False)
            _settle(file)
        with written.open("rb+") as file:
            _settle(file)
        os.replace(temporary, manifest_of(target))
        os.replace(written, target)
    return manifest


def note_erasure(path: Path, on: date, rows: int) -> bool:
    """Make the manifest of a file that an erasure took so many rows from, in all its attempts, tell of what is left.

    False where it does so already, and where there is no file, or no manifest that can be read.
    """
    if not path.is_file() or (manifest := _manifest(path)) is None or digest(path) == manifest["sha256"]:
        return False
    left = {"rows": _rows(path), "bytes": path.stat().st_size, "sha256": digest(path)}
    lost = min(rows, manifest["rows"] - left["rows"])
    erased = [*manifest.get("erased", []), {"on": on.isoformat(), "rows": lost}]
    with writing(manifest_of(path)) as temporary:
        with temporary.open("w", encoding="utf-8") as file:
            json.dump({**manifest, **left, "erased": erased}, file, indent=1, ensure_ascii=False)
            _settle(file)
        os.replace(temporary, manifest_of(path))
    return True


def _manifest(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(manifest_of(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and {"rows", "sha256"} <= found.keys() else None


def _rows(path: Path) -> int:
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        return int(pq.read_metadata(path).num_rows)
    if path.suffix == ".json":
        return len(json.loads(path.read_bytes()))
    with path.open("rb") as file:
        return sum(1 for _ in file)


def digest(path: Path) -> str:
    """SHA-256 of the file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _settle(file: IO[Any]) -> None:
    file.flush()
    os.fsync(file.fileno())
