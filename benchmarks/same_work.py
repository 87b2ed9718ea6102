"""One piece of the work, turns to tail pairs with their texts, done by DuckDB, polars and pandas alike.

    deduplicate by event, cut sessions at an idle gap, reading speed and its mid-rank within the session,
    a label of feedback and reading, and of each session its two best replies against its two worst.

It is less than the chain does, so that all three can do exactly the same; the pairs they find must be equal.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.measure import Cost, cost, peak_mib, reset_peak
from evalloop_assets.settings import EngineSettings

IDLE_MINUTES = 30
GAP = 0.3
ROUNDS = 3
NARROW = [
    "event_id", "user_id", "conversation_id", "shown_at", "received_at", "reply_chars", "dwell_ms", "typing_ms",
    "foreground_ms", "feedback",
]  # fmt: skip
TEXTS = ["event_id", "user_text", "reply_text"]
QUERY = f"""
WITH once AS (
  SELECT * FROM log QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY received_at) = 1
),
gaps AS (
  SELECT *, shown_at - lag(shown_at) OVER w > INTERVAL {IDLE_MINUTES} MINUTE AS begins
  FROM once WINDOW w AS (PARTITION BY user_id, conversation_id ORDER BY shown_at, event_id)
),
placed AS (
  SELECT event_id, user_id, conversation_id,
    sum(coalesce(begins, true)::INT) OVER (
      PARTITION BY user_id, conversation_id ORDER BY shown_at, event_id ROWS UNBOUNDED PRECEDING) AS session,
    reply_chars / nullif(
      greatest(least(coalesce(foreground_ms, dwell_ms), dwell_ms) - coalesce(typing_ms, 0), 0), 0) AS speed,
    CASE feedback WHEN 'like' THEN 1.0::DOUBLE WHEN 'dislike' THEN -1.0 WHEN 'complaint' THEN -1.0 ELSE 0.0 END AS said
  FROM gaps
),
labelled AS (
  SELECT event_id, user_id, conversation_id, session,
    said + 0.5::DOUBLE - (
      rank() OVER s + (count(*) OVER (PARTITION BY user_id, conversation_id, session, speed) - 1) / 2
    )::DOUBLE / count(*) OVER (PARTITION BY user_id, conversation_id, session) AS label
  FROM placed WHERE speed IS NOT NULL
  WINDOW s AS (PARTITION BY user_id, conversation_id, session ORDER BY speed)
),
ranked AS (
  SELECT *,
    row_number() OVER (PARTITION BY user_id, conversation_id, session ORDER BY label DESC, event_id) AS best,
    row_number() OVER (PARTITION BY user_id, conversation_id, session ORDER BY label, event_id) AS worst
  FROM labelled
),
pairs AS (
  SELECT good.event_id AS chosen, bad.event_id AS rejected
  FROM ranked AS good JOIN ranked AS bad USING (user_id, conversation_id, session)
  WHERE good.best <= 2 AND bad.worst <= 2 AND good.label - bad.label > {GAP}
),
wanted AS (
  SELECT chosen AS event_id FROM pairs UNION SELECT rejected FROM pairs
),
texts AS (
  SELECT log.event_id, log.user_text, log.reply_text FROM log JOIN wanted USING (event_id)
)
SELECT chosen, rejected, good.user_text AS chosen_message, good.reply_text AS chosen_reply,
  bad.user_text AS rejected_message, bad.reply_text AS rejected_reply
FROM pairs JOIN texts AS good ON good.event_id = chosen JOIN texts AS bad ON bad.event_id = rejected
"""


def by_duckdb(files: Sequence[str], to: Path) -> None:
    import duckdb

    limits = EngineSettings()
    settings = {"threads": limits.threads, "memory_limit": limits.memory_limit, "preserve_insertion_order": False}
    with duckdb.connect(config=settings) as connection:
        connection.execute(f"CREATE VIEW log AS SELECT * FROM read_parquet({list(files)})")
        connection.execute(f"COPY ({QUERY}) TO '{to}' (FORMAT parquet, COMPRESSION zstd)")


def by_polars(files: Sequence[str], to: Path) -> None:
    import polars as pl

    session = ["user_id", "conversation_id", "session"]
    log = pl.scan_parquet(list(files))
    once = log.select(NARROW).sort("received_at").unique("event_id", keep="first")
    ordered = once.sort("user_id", "conversation_id", "shown_at", "event_id")
    begins = (
        pl.col("shown_at").diff().over("user_id", "conversation_id") > pl.duration(minutes=IDLE_MINUTES)
    ).fill_null(True)
    shown = pl.min_horizontal(pl.coalesce("foreground_ms", "dwell_ms"), "dwell_ms")
    read = pl.max_horizontal(shown - pl.col("typing_ms").fill_null(0), 0)
    said = pl.col("feedback").replace_strict({"like": 1.0, "dislike": -1.0, "complaint": -1.0}, default=0.0)
    placed = ordered.select(
        "event_id",
        "user_id",
        "conversation_id",
        begins.cast(pl.Int32).cum_sum().over("user_id", "conversation_id").alias("session"),
        pl.when(pl.col("dwell_ms").is_not_null() & (read > 0)).then(pl.col("reply_chars") / read).alias("speed"),
        said.alias("said"),
    ).filter(pl.col("speed").is_not_null())
    mid_rank = pl.col("speed").rank("average") / pl.len()
    labelled = placed.with_columns((pl.col("said") + 0.5 - mid_rank.over(session)).alias("label"))
    best = labelled.sort("label", "event_id", descending=[True, False]).group_by(session, maintain_order=True).head(2)
    worst = labelled.sort("label", "event_id").group_by(session, maintain_order=True).head(2)
    pairs = (
        best.join(worst, on=session, suffix="_bad")
        .filter(pl.col("label") - pl.col("label_bad") > GAP)
        .select(pl.col("event_id").alias("chosen"), pl.col("event_id_bad").alias("rejected"))
        .collect()
        .lazy()
    )
    names = ["event_id", "message", "reply"]
    wanted = pl.concat([pairs.select(event_id="chosen"), pairs.select(event_id="rejected")]).unique()
    texts = log.select(TEXTS).join(wanted, on="event_id", how="semi").collect().lazy()
    for side in ("chosen", "rejected"):
        renamed = texts.rename(dict(zip(TEXTS, [side, *(f"{side}_{name}" for name in names[1:])], strict=True)))
        pairs = pairs.join(renamed, on=side)
    pairs.collect().write_parquet(to, compression="zstd")


def by_pandas(files: Sequence[str], to: Path) -> None:
    import pandas as pd

    session = ["user_id", "conversation_id", "session"]
    log = pd.concat([pd.read_parquet(file, columns=[*NARROW, *TEXTS[1:]]) for file in files], ignore_index=True)
    once = log[NARROW].sort_values("received_at").drop_duplicates("event_id")
    once = once.sort_values(["user_id", "conversation_id", "shown_at", "event_id"])
    chats = once.groupby(["user_id", "conversation_id"], sort=False)
    gap = chats["shown_at"].diff()
    once["begins"] = (gap > pd.Timedelta(minutes=IDLE_MINUTES)) | gap.isna()
    once["session"] = once.groupby(["user_id", "conversation_id"], sort=False)["begins"].cumsum()
    shown = once["foreground_ms"].fillna(once["dwell_ms"]).clip(upper=once["dwell_ms"])
    read = (shown - once["typing_ms"].fillna(0)).clip(lower=0)
    once["speed"] = once["reply_chars"] / read.where(read > 0)
    said = once["feedback"].map({"like": 1.0, "dislike": -1.0, "complaint": -1.0}).fillna(0.0)
    placed = once.assign(said=said).dropna(subset="speed")
    speeds = placed.groupby(session, sort=False)["speed"]
    placed["label"] = placed["said"] + 0.5 - speeds.rank("average") / speeds.transform("size")
    placed = placed[["event_id", *session, "label"]]
    best = placed.sort_values(["label", "event_id"], ascending=[False, True]).groupby(session, sort=False).head(2)
    worst = placed.sort_values(["label", "event_id"]).groupby(session, sort=False).head(2)
    met = best.merge(worst, on=session, suffixes=("", "_bad"))
    met = met[met["label"] - met["label_bad"] > GAP]
    pairs = met[["event_id", "event_id_bad"]].set_axis(["chosen", "rejected"], axis=1)
    texts = log[TEXTS].drop_duplicates("event_id")
    for side in ("chosen", "rejected"):
        pairs = pairs.merge(texts.set_axis([side, f"{side}_message", f"{side}_reply"], axis=1), on=side)
    pairs.to_parquet(to, compression="zstd", index=False)


def lines(files: Sequence[str], with_pandas: bool) -> Iterator[str]:
    """The three side by side, in turn; medians of ROUNDS, pandas once."""
    ways: dict[str, Callable[[Sequence[str], Path], None]] = {"DuckDB": by_duckdb, "polars": by_polars}
    costs: dict[str, list[Cost]] = {name: [] for name in ways}
    peaks = dict.fromkeys(ways, 0.0)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        to = Path(folder) / "pairs.parquet"
        for number in range(ROUNDS):
            for name, way in (ways | ({"pandas": by_pandas} if with_pandas and number == 0 else {})).items():
                reset_peak()
                costs.setdefault(name, []).append(cost(lambda way=way: way(files, to)))
                peaks[name] = max(peaks.get(name, 0.0), peak_mib())
                found[name] = _digest(to)
    base = sorted(costs["DuckDB"])[len(costs["DuckDB"]) // 2]
    told = [
        f"{name} {one.cpu:.1f} CPU-s ({one.over(base)}), peak {peaks[name]:,.0f} MiB"
        for name, one in ((name, sorted(costs[name])[len(costs[name]) // 2]) for name in costs)
    ]
    same = "the same pairs" if len(set(found.values())) == 1 else f"DIFFERENT pairs {found}"
    yield f"same work, turns to tail pairs: {'; '.join(told)}; {same} ({found['DuckDB'][0]:,})"


def _digest(path: Path) -> tuple[int, str]:
    """Number of pairs and a digest of their rows, whatever the order."""
    import duckdb

    rows = duckdb.execute(f"SELECT * FROM '{path}' ORDER BY chosen, rejected").fetchall()
    return len(rows), hashlib.sha256(repr(rows).encode()).hexdigest()[:12]
