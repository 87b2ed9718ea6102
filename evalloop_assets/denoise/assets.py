"""Stage 2 as assets: sessions, reading, closing_words, closures, exits, traffic, reading_speeds."""

from evalloop_assets.denoise.pictures import PICTURES
from evalloop_assets.lake.assets import sql_asset

TABLES = ("sessions", "reading", "closing_words", "closures", "exits", "traffic", "reading_speeds")
ASSETS = [sql_asset(f"denoise/{table}.sql", group="denoise", picture=PICTURES.get(table)) for table in TABLES]
