"""Stage 7 as assets: when each label matures."""

from evalloop_assets.lake.assets import sql_asset

ASSETS = [sql_asset("backfill/maturity.sql", group="backfill")]
