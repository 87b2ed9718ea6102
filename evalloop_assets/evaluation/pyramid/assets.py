"""The report as an asset: the page of the week up to a day, and its findings as a table."""

from datetime import date, timedelta

from evalloop_assets.days import Days
from evalloop_assets.evaluation.pyramid.contents import reads
from evalloop_assets.evaluation.pyramid.tables import PYRAMID
from evalloop_assets.lake.assets import Frame, frame_asset
from evalloop_assets.lake.delta import rows_of_day
from evalloop_assets.lake.store import Inputs
from evalloop_assets.settings import Settings

GROUP = "report"
"""It reads of every stage: in the group of its own stage it would turn the loop round in the lineage."""
WEEK = 7


@frame_asset(schema=PYRAMID, reads=reads(WEEK), group=GROUP, once=True)
def pyramid(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """The report of the week up to this day: what was decided, what is open, whether benchmarks, judges and people
    agree with users, and the figures of every layer. The page stands alone, without scripts; it holds no text of users
    and no ids of theirs. `evalloop report` writes the same for any period.
    """
    from dagster import MetadataValue

    from evalloop_assets.evaluation.pyramid import files
    from evalloop_assets.evaluation.pyramid.contents import fill, findings
    from evalloop_assets.evaluation.pyramid.rendering import in_markdown, render
    from evalloop_assets.serving.ledger import Ledger

    days = Days(day - timedelta(days=WEEK - 1), day)
    ledger = Ledger(settings.ledger_url)
    try:
        page = fill(inputs, days, ledger.history())
    finally:
        ledger.close()
    path = files.folder(settings.home) / files.name(days)
    files.write(path, render(page))
    found = findings(page)
    shown = {
        "report": MetadataValue.url(f"{settings.evaluation.report.url.rstrip('/')}/{path.name}"),
        "file": MetadataValue.path(path.resolve()),
        "findings": MetadataValue.md(in_markdown(found)),
    }
    return Frame(rows_of_day(PYRAMID, day, found), shown)


ASSETS = [pyramid]
