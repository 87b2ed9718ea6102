"""A lake on an object store: how DuckDB reaches its files, and which folders it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def filesystem(root: str) -> Any:
    """An fsspec file system for the store of `root`, configured from the environment as Arrow does it."""
    import os

    from fsspec.implementations.arrow import ArrowFSWrapper
    from pyarrow import fs

    if root.startswith("s3://"):
        endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
        scheme, _, host = endpoint.rpartition("://")
        store = fs.S3FileSystem(
            endpoint_override=host or None, scheme=scheme or "https", region=os.environ.get("AWS_REGION", "us-east-1")
        )
    else:
        store, _ = fs.FileSystem.from_uri(root)
    return ArrowFSWrapper(store)


def folders(root: str, options: Mapping[str, Any]) -> list[str]:
    """Names of the folders under `root`."""
    found = filesystem(root).ls(root.partition("://")[2], detail=True)
    return [entry["name"].rstrip("/").rpartition("/")[2] for entry in found if entry["type"] == "directory"]


def found(root: str) -> list[tuple[str, float]]:
    """Address and time of the last change (seconds since 1970) of everything under `root`, however deep."""
    scheme, _, path = root.partition("://")
    entries = filesystem(root).find(path, detail=True)
    return [(f"{scheme}://{name}", entry["mtime"].timestamp()) for name, entry in entries.items()]
