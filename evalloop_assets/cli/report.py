"""`evalloop report`: the page of a period, and a server of all pages on loopback."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console

from evalloop_assets.days import Days
from evalloop_assets.evaluation.pyramid import files
from evalloop_assets.lake.errors import UserError
from evalloop_assets.settings import Settings

HOST = "127.0.0.1"
WEEK = 7


def run_report(console: Console, first: date | None, last: date | None, out: Path | None) -> None:
    """Write the page of the days asked for, else of the week up to the newest day that was evaluated."""
    import evalloop_assets.definitions  # noqa: F401 - declares the tables that the report reads
    from evalloop_assets.evaluation.pyramid.contents import TABLES, fill, reads
    from evalloop_assets.evaluation.pyramid.rendering import render
    from evalloop_assets.lake.resource import open_lake
    from evalloop_assets.serving.ledger import Ledger

    settings = Settings()
    lake = open_lake(settings)
    computed = {day for table in TABLES for day in lake.computed(table)}
    if not computed:
        raise UserError(f"report of {settings.home}", "no day was evaluated yet", "Run `evalloop run` first.")
    days = _period(first, last, max(computed))
    if days.last < min(computed) or days.first > max(computed):
        raise UserError(
            f"report of {days.first} to {days.last}",
            "no day of it was evaluated",
            f"Name days between {min(computed)} and {max(computed)}.",
        )
    path = out or files.folder(settings.home) / files.name(days)
    if path.is_dir() or (out and not path.parent.is_dir()):
        raise UserError(f"--out {path}", "is no file that can be written", "Name a file in a folder that exists.")
    ledger = Ledger(settings.ledger_url)
    try:
        page = fill(lake.inputs(reads(len(list(days))), Days.one(days.last)), days, ledger.history())
    finally:
        ledger.close()
    files.write(path, render(page))
    console.print(f"report of {days.first} to {days.last}: {path}", soft_wrap=True)


def serve_reports(console: Console) -> None:
    """Serve the folder of reports on loopback, at the port of `evaluation.report.url`, until interrupted."""
    settings = Settings()
    folder = files.folder(settings.home)
    folder.mkdir(parents=True, exist_ok=True)
    url = settings.evaluation.report.url
    port = urlsplit(url).port
    try:
        server = ThreadingHTTPServer(
            (HOST, 80 if port is None else port), partial(SimpleHTTPRequestHandler, directory=str(folder))
        )
    except OSError as error:
        raise UserError(
            f"report at {url}", f"the port cannot be had ({error.strerror})", "Set EVALLOOP_EVALUATION__REPORT__URL."
        ) from error
    console.print(f"reports at http://{HOST}:{server.server_port}/", soft_wrap=True)
    with server:
        server.serve_forever()


def _period(first: date | None, last: date | None, newest: date) -> Days:
    last = last or newest
    days = Days(first or last - timedelta(days=WEEK - 1), last)
    if days.last < days.first:
        raise UserError(
            f"--from {days.first} --to {days.last}", "the range ends before it begins", "Swap the two days."
        )
    return days
