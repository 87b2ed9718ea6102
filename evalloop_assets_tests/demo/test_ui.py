"""The UI of a finished demo in a real browser: what somebody who opens it finds there."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from evalloop_assets_tests.demo.conftest import Demo
from evalloop_assets_tests.homes import ROOT

pytestmark = pytest.mark.browser

LOOP = ["logs", "denoise", "horizon_labels", "reward_model", "policy_iteration", "online_ab", "backfill"]
SERVICES = ["ranking", "guardrails"]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
LOCATION = 'repositoryLocationName: "evalloop", repositoryName: "__repository__"'
STARTS_WITHIN_S = 300
SHOWS_WITHIN_MS = 120_000


@pytest.fixture(scope="module")
def server(chromium: str, demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The web server on a free loopback port, unable to change anything."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("webserver") / "log"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("EVALLOOP_", "DAGSTER_"))},
        "EVALLOOP_HOME": str(demo.home),
        "DAGSTER_HOME": str(demo.home / "dagster"),
    }
    command = [str(Path(sys.executable).with_name("dagster-webserver")), "-w", "workspace.yaml", "--read-only"]
    with log.open("w") as out:
        process = subprocess.Popen(
            [*command, "-h", "127.0.0.1", "-p", str(port)], cwd=ROOT, env=environment, stdout=out, stderr=out
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _await(f"{url}/server_info", process, log)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser, server: str) -> Iterator[Page]:
    """A page of the UI; an error in it, or one that it logs, fails the test."""
    opened = browser.new_page(base_url=server, viewport={"width": 1600, "height": 1200})
    opened.set_default_timeout(SHOWS_WITHIN_MS)
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    yield opened
    opened.close()
    assert errors == []


def test_the_global_lineage_shows_the_stages_in_the_order_of_the_loop(page: Page):
    page.goto("/asset-groups")
    boxes = {group: page.locator("foreignObject").get_by_text(group, exact=True) for group in [*LOOP, *SERVICES]}
    for box in boxes.values():
        _shows(box)
    left = {group: (box.bounding_box() or {"x": -1})["x"] for group, box in boxes.items()}
    for earlier, later in pairwise(LOOP):
        assert left[earlier] < left[later], f"{later} does not stand after {earlier}: {left}"
    assert left["logs"] < left["ranking"]
    assert left["online_ab"] < left["guardrails"]


def test_an_asset_page_shows_meaning_columns_rows_coverage_and_where_columns_come_from(page: Page, demo: Demo):
    page.goto("/assets/sessions")
    _shows(page.get_by_text("One row is one session of one user in one conversation"))
    [rows] = demo.rows("SELECT count(*) AS n FROM sessions", "sessions")
    _shows(page.get_by_text("Row count", exact=True))
    _shows(page.get_by_text(f"{rows['n']:,}", exact=True))
    _shows(page.get_by_text("when its first reply was shown (UTC)"))
    _shows(page.get_by_text("unique", exact=True))
    lineage = page.get_by_role("row").filter(has=page.get_by_text("session_id", exact=True))
    _shows(lineage.filter(has_text="turns.conversation_id, turns.shown_at, turns.user_id").last)
    _shows(page.get_by_text(re.compile(r'"experiment_id": 0\.\d+')))
    page.goto("/assets/exits")
    _shows(page.get_by_text("every column is known in every row"))


@pytest.mark.parametrize("asset", ["exits", "horizon_labels", "signal_validity"])
def test_an_asset_page_shows_a_picture_of_the_last_run(page: Page, asset: str):
    page.goto(f"/assets/{asset}")
    page.get_by_role("row", name=re.compile("^picture ")).get_by_text("[Show Markdown]").last.click()
    picture = page.get_by_role("dialog").get_by_role("img", name=asset)
    _shows(picture)
    assert picture.evaluate("image => image.complete && image.naturalWidth") > 300


def test_the_report_is_linked_and_its_findings_are_shown(page: Page, demo: Demo):
    page.goto("/assets/pyramid")
    [last] = demo.rows("SELECT max(day) AS day FROM pyramid", "pyramid")
    _shows(page.get_by_role("link", name=re.compile(rf"pyramid-.*-to-{last['day']}\.html$")))
    [written] = (demo.home / "reports").glob(f"pyramid-*-to-{last['day']}.html")
    assert "padded-replies rolled back" in written.read_text(encoding="utf-8")


def test_an_asset_page_shows_what_it_is_made_from_and_what_is_made_from_it(page: Page):
    page.goto("/assets/sessions?view=lineage")
    for neighbour in ("turns", "reading", "user_days", "experiment_units"):
        _shows(page.get_by_text(neighbour, exact=True).last)


@pytest.mark.parametrize("asset", ["horizon_labels", "rewards"])
def test_checks_that_passed_are_shown_as_passed(page: Page, asset: str):
    page.goto(f"/assets/{asset}?view=checks")
    _shows(page.get_by_text("Succeeded", exact=True).first)
    _shows(page.get_by_text("Latest execution").first)
    for bad in ("Failed", "Execution failed", "Not evaluated", "Skipped"):
        assert page.get_by_text(bad, exact=True).count() == 0


def test_the_sensor_says_in_plain_words_what_it_decided_last(page: Page):
    page.goto("/locations/evalloop/sensors/guardrail_sensor")
    _shows(page.get_by_text("Requests a rollback for every reading whose verdict is ROLLBACK"))
    page.get_by_role("button", name="0 runs requested").first.click()
    dialog = page.get_by_role("dialog").last
    _shows(dialog.get_by_text("Skip reason"))
    said = r"No experiment is in flight|No new guardrail reading\. The last look: \w|on [\d-]+: (PASS|HOLD)\W.+[.]"
    _shows(dialog.get_by_text(re.compile(said)))


def test_the_sensor_says_why_it_asked_for_the_rollback(page: Page):
    page.goto("/locations/evalloop/sensors/guardrail_sensor?status=success")  # many looks may have come after it
    tick = page.get_by_role("row").filter(has_text="1 run requested")
    tick.get_by_text("View logs").click()
    said = re.compile(r"padded-replies on [\d-]+: ROLLBACK \(gaming\)\. Time spent rose while fewer people came back")
    _shows(page.get_by_role("dialog").get_by_text(said))


def test_runs_tell_their_job_their_days_and_who_asked(page: Page):
    page.goto("/runs")
    for job in ("ingest", "relabel", "daily", "rollback"):
        _shows(page.get_by_text(job, exact=True).first)
    _shows(page.get_by_text("evalloop/days: 2026-03-04", exact=True).first)
    _shows(page.get_by_text("evalloop/experiment: padded-replies"))
    _shows(page.get_by_text("guardrail_sensor", exact=True).first)


@pytest.mark.parametrize(
    "change",
    [
        f'launchRun(executionParams: {{selector: {{{LOCATION}, jobName: "undo"}}, runConfigData: {{}}}})',
        f'startSensor(sensorSelector: {{{LOCATION}, sensorName: "alert_sensor"}})',
        'wipeAssets(assetPartitionRanges: [{assetKey: {path: ["guardrail_readings"]}}])',
    ],
)
def test_the_server_for_people_on_call_refuses_every_change(server: str, change: str):
    body = json.dumps({"query": f"mutation {{ {change} {{ __typename }} }}"}).encode()
    request = urllib.request.Request(f"{server}/graphql", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        [refused] = json.load(answer)["data"].values()
    assert refused == {"__typename": "UnauthorizedError"}


def _await(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.3)
    raise AssertionError(f"the web server did not come up: {log.read_text()}")


def _shows(what: Locator) -> None:
    expect(what).to_be_visible(timeout=SHOWS_WITHIN_MS)
