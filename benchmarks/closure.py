"""How well the ends of dialogues are told from their middles: `python -m benchmarks.closure`.

On dialogues annotated by others, which are not part of the project (evalloop_assets_tests/real_data.py), and on the
simulated product `healthy` in the words that the tests know.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from evalloop_assets.days import Days
from evalloop_assets.denoise.closure import endings
from evalloop_assets.lake.clock import Clock
from evalloop_assets.lake.frames import run
from evalloop_assets.lake.sql import load
from evalloop_assets.settings import Settings
from evalloop_assets.simulator.scenarios import SCENARIOS
from evalloop_assets.simulator.serve import serve, truth_folder
from evalloop_assets_tests import real_data
from evalloop_assets_tests.denoise.dialogues import SETS, figures, prefixes

ROOT = Path(__file__).parent.parent
TABLES = ("sessions", "reading", "closing_words", "closures", "exits")
CHAIN = [load(ROOT / f"evalloop_assets/denoise/{name}.sql") for name in TABLES]
ENDS = """
WITH last_replies AS (
  SELECT
    session_id, event_id,
    ROW_NUMBER() OVER (PARTITION BY session_id ORDER BY shown_at DESC, event_id DESC) AS place
  FROM reading
)
SELECT
  CASE WHEN truth_turns.fate <> 'goes_on' THEN truth_turns.fate ELSE 'interrupted' END AS truly,
  CASE WHEN truth_turns.fate = 'natural' THEN truth_conversations.closure END AS closure,
  CASE WHEN exits.kind = 'natural' THEN 'natural by ' || closures.marker ELSE exits.kind END AS said
FROM exits
JOIN closures ON closures.session_id = exits.session_id
JOIN last_replies ON last_replies.session_id = exits.session_id AND last_replies.place = 1
JOIN truth_turns ON truth_turns.event_id = last_replies.event_id
JOIN truth_conversations ON truth_conversations.conversation_id = exits.conversation_id
WHERE exits.kind <> 'open'
"""


def lines() -> list[str]:
    return annotated(real_data.FOLDER) + simulated()


def annotated(folder: Path) -> list[str]:
    """Figures of each set and half; one line that says so where the data is not there."""
    found = []
    for name, dialogues in SETS.items():
        if not (folder / name).is_dir():
            found.append(f"closure: no folder {folder / name}, so nothing is measured on it (set EVALLOOP_SHARED_DATA)")
            continue
        messages, cuts = prefixes(dialogues(folder / name))
        told = cuts.merge(endings(messages), on="conversation_id")
        for half, part in told.groupby("half"):
            shown = ", ".join(f"{measure} {value:.4f}" for measure, value in figures(part).items())
            found.append(f"closure: {name}, {half} half, {part['whole'].sum()} dialogues, {len(part)} cuts: {shown}")
    return found


def simulated(days: int = 5, seed: int = 1) -> list[str]:
    """What each true end is taken for, and precision and recall of natural and abrupt ends."""
    import duckdb

    from evalloop_assets.lake.delta import arrow_schema
    from evalloop_assets.logs.contract import TURNS

    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        home = Path(folder)
        serve(SCENARIOS["healthy"], Settings(home=home), seed, days=days)
        logged = f"SELECT CAST(shown_at AS DATE) AS day, * FROM read_parquet('{home}/landing/turns/*.parquet')"
        turns = connection.sql(logged).to_arrow_table()
        first, last, end = connection.sql(f"SELECT MIN(day), MAX(day), MAX(shown_at) FROM ({logged})").fetchall()[0]
        wanted = arrow_schema(TURNS)
        tables = {"turns": turns.select(wanted.names).cast(wanted)}
        for name, table in run(CHAIN, tables, Days(first, last), Settings(), Clock(last, end)).items():
            connection.register(name, table)
        for name in ("turns", "conversations"):
            files = f"{truth_folder(home) / name}/*.parquet"
            connection.execute(f"CREATE VIEW truth_{name} AS SELECT * FROM read_parquet('{files}')")
        ends = connection.sql(ENDS).df()
    counted = ends.fillna("-").groupby(["truly", "closure", "said"]).size()
    found = [
        f"closure: simulated, truly {truly} ({closure}): {said} {count}"
        for (truly, closure, said), count in counted.items()
    ]
    kind = ends["said"].str.split(" ").str[0]
    for name in ("natural", "abrupt"):
        hits = ((kind == name) & (ends["truly"] == name)).sum()
        precision, recall = hits / (kind == name).sum(), hits / (ends["truly"] == name).sum()
        found.append(f"closure: simulated, {name} ends: precision {precision:.3f}, recall {recall:.3f}")
    return found


if __name__ == "__main__":
    print(*lines(), sep="\n")
