"""The report as an asset of a real run."""

from dagster import materialize

from evalloop_assets.days import Days
from evalloop_assets.evaluation.pyramid.assets import ASSETS
from evalloop_assets.lake.resource import lake_resource
from evalloop_assets.settings import Settings
from evalloop_assets_tests.evaluation.pyramid.world import LAST, fill_lake, history

FILE = "pyramid-2026-05-03-to-2026-05-09.html"


def run(settings):
    done = materialize(
        ASSETS,
        partition_key=LAST.isoformat(),
        resources={"lake": lake_resource(settings), "settings": settings},
    )
    assert done.success
    return done.asset_materializations_for_node("pyramid")[-1].metadata


def test_a_run_writes_the_page_links_to_it_and_keeps_its_findings(tmp_path):
    settings = Settings(home=tmp_path, evaluation={"report": {"url": "https://reports.example/pages/"}})
    lake = lake_resource(settings).open()
    fill_lake(lake)
    history(settings.ledger_url)
    shown = run(settings)
    written = tmp_path / "reports" / FILE
    assert shown["report"].value == f"https://reports.example/pages/{FILE}"
    assert shown["file"].value == str(written)
    assert "x rolled back" in written.read_text(encoding="utf-8")
    assert "| risks | biased | judge lazy | faults found: position |" in shown["findings"].value
    rows = lake.read("pyramid", Days.one(LAST)).to_pylist()
    assert ("risks", "stale", "benchmark trivia") in {(row["part"], row["status"], row["subject"]) for row in rows}
    assert [row["place"] for row in sorted(rows, key=lambda row: row["place"])] == list(range(1, len(rows) + 1))


def test_the_same_data_give_the_same_page(tmp_path):
    settings = Settings(home=tmp_path)
    fill_lake(lake_resource(settings).open())
    run(settings)
    before = (tmp_path / "reports" / FILE).read_bytes()
    run(settings)
    assert (tmp_path / "reports" / FILE).read_bytes() == before
    assert [path.name for path in (tmp_path / "reports").iterdir()] == [FILE]
