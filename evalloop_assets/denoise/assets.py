"""Stage 2 as assets: sessions, reading, exits."""

from evalloop_assets.lake.assets import sql_asset

ASSETS = [sql_asset(f"denoise/{table}.sql", group="denoise") for table in ("sessions", "reading", "exits")]
