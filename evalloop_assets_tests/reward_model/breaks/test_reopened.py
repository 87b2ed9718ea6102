"""Which days of `breaks` late rows and new personas reopen: real deliveries into a real lake."""

import shutil
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from dagster import DagsterInstance

from evalloop_assets.backfill.staleness import work
from evalloop_assets.cli.instance import execute
from evalloop_assets.days import Days
from evalloop_assets.definitions import build_definitions
from evalloop_assets_tests.backfill.histories import Arrived, History

TABLES = ["personas", "breaks"]
LAST = date(2026, 5, 10)
RESCORED = 3
PERSONA = "Nadia\nNadia plays the cello.\nNadia is shy."


def reply(day: int, text: str, talk: str = "c", minute: int = 600) -> Arrived:
    ids = {"event_id": f"{talk}{day}-{minute}", "user_id": f"user of {talk}", "conversation_id": talk, "model_id": "m"}
    shown = datetime(2026, 5, day) + timedelta(minutes=minute)
    said = {"user_text": "And then?", "reply_text": text, "character_id": "nadia"}
    return Arrived("turns", {**ids, **said, "shown_at": shown, "dwell_ms": 5_000, "reply_chars": len(text)})


def persona(text: str, who: str = "nadia") -> Arrived:
    return Arrived("characters", {"character_id": who, "persona": text})


def both(*days: int) -> dict[str, list[int]]:
    return {table: list(days) for table in TABLES}


class Told(History):
    """A log whose breaks are kept up to date as `evalloop run` does it."""

    def __init__(self, folder: Path, instance: DagsterInstance, rescored: int = RESCORED) -> None:
        super().__init__(folder)
        reward = self.settings.reward.model_copy(update={"rescore_days": rescored})
        self.settings = self.settings.model_copy(update={"reward": reward})
        self.instance = instance

    def judge(self) -> dict[str, list[int]]:
        """Computes what is stale; gives, for each of the two tables, the days of May that were computed."""
        self.run()
        before = {table: self.lake.computed(table) for table in TABLES}
        definitions = build_definitions(self.settings)
        for _ in range(3):
            due = work(self.lake, self.settings, tables=TABLES).spans
            if not due:
                break
            for span in due:
                days = Days(span.first, span.last)
                assert execute(definitions, "relabel", self.instance, days, tables=span.tables).ok
        else:
            raise AssertionError(f"still stale: {due}")
        return {
            table: sorted(day.day for day, how in self.lake.computed(table).items() if before[table].get(day) != how)
            for table in TABLES
        }

    def broken(self) -> set[str]:
        rows = self.lake.read("breaks").to_pylist() if self.lake.version("breaks") is not None else []
        return {row["event_id"] for row in rows if row["score"] >= 0.5}


LOG = [
    *(reply(day, "The lamps are lit and the boats come in.") for day in range(1, 11)),
    reply(4, "I love green tea.", minute=610),
    reply(9, "I never play the cello.", minute=610),
    reply(2, "I never play the cello.", minute=610),
]


@pytest.fixture(scope="module")
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as found:
        yield found


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory, instance: DagsterInstance) -> Path:
    """A home of ten complete days, judged before any persona was delivered."""
    home = tmp_path_factory.mktemp("judged") / "home"
    home.mkdir()
    told = Told(home, instance)
    told.take_in(LOG, LAST)
    assert told.judge() == both(*range(1, 11))
    assert not told.broken()
    return home


@pytest.fixture
def told(judged: Path, tmp_path: Path, instance: DagsterInstance) -> Told:
    shutil.copytree(judged, tmp_path / "home")
    found = Told(tmp_path / "home", instance)
    found.files = 100
    return found


def test_where_nothing_changed_nothing_is_computed(told: Told):
    before = {table: told.lake.version(table) for table in TABLES}
    told.take_in(LOG)
    assert told.judge() == both()
    assert {table: told.lake.version(table) for table in TABLES} == before


def test_a_late_row_reopens_the_days_that_it_concerns_and_no_other(told: Told):
    told.take_in([reply(3, "I hate green tea.", minute=620)])
    found = told.judge()
    assert found["personas"] == [2, 3], "a session of the day before may go on past midnight"
    assert found["breaks"] == list(range(2, 10)), "the day before likewise, and six days after remember it"
    assert told.broken() == {"c4-610"}
    assert told.lake.computed("breaks")[date(2026, 5, 8)].changed < told.lake.version("breaks")
    assert told.judge() == both()


def test_a_new_persona_reopens_the_newest_days_and_older_ones_stand(told: Told):
    told.take_in([persona(PERSONA)])
    assert told.judge() == both(8, 9, 10)
    assert told.broken() == {"c9-610"}
    told.take_in([persona(PERSONA.replace("plays", "never plays"))])
    told.judge()
    assert not told.broken()


def test_a_persona_of_somebody_who_did_not_speak_judges_nothing_anew(told: Told):
    told.take_in([persona(PERSONA, "somebody else")])
    found = told.judge()
    assert found["personas"] == [8, 9, 10]
    assert found["breaks"] == []


def test_a_day_that_late_rows_reopen_takes_the_persona_over(told: Told):
    told.take_in([persona(PERSONA)])
    told.judge()
    told.take_in([reply(2, "The tide turns.", minute=630)])
    assert told.judge()["personas"] == [1, 2]
    assert told.broken() == {"c2-610", "c9-610"}


def test_the_order_of_arrival_does_not_matter(tmp_path: Path, instance: DagsterInstance):
    found = []
    given = [*LOG, reply(3, "I hate green tea.", minute=620), persona(PERSONA)]
    for name, parts in {"whole": [given], "backwards": [[one] for one in reversed(given)]}.items():
        (tmp_path / name).mkdir()
        told = Told(tmp_path / name, instance, rescored=28)
        for number, part in enumerate(parts):
            told.take_in(part)
            if number % 5 == 0:
                told.judge()
        told.take_in([], LAST)
        told.judge()
        found.append((told.rows("personas"), told.rows("breaks"), told.broken()))
    assert found[0] == found[1]
    assert found[0][2] == {"c2-610", "c4-610", "c9-610"}
