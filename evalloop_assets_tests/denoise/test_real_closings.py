"""Closing words against dialogues annotated with acts: how many endings are heard, how many goings-on are mistaken."""

import gzip
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from evalloop_assets_tests.denoise.world import World, turn

Exchange = tuple[str, str, bool]
"""Message, reply, and whether the message ends the dialogue."""


def english(folder: Path) -> Iterator[Exchange]:
    for path in sorted(folder.glob("*.json.gz")):
        for dialogue in json.loads(gzip.decompress(path.read_bytes())):
            turns = dialogue["turns"]
            for user, system in zip(turns[::2], turns[1::2], strict=True):
                acts = {action["act"] for frame in user["frames"] for action in frame["actions"]}
                if "GOODBYE" in acts or "THANK_YOU" not in acts:
                    yield user["utterance"], system["utterance"], "GOODBYE" in acts


def chinese(folder: Path) -> Iterator[Exchange]:
    for path in sorted(folder.glob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            dialogues = json.loads(archive.read(path.name.removesuffix(".zip")))
        for dialogue in dialogues.values():
            said = dialogue["messages"]
            for place in range(0, len(said) - 1, 2):
                acts = {act[1] for act in said[place]["dialog_act"] if act[0] == "General"}
                last = place >= len(said) - 2
                if not last or acts & {"bye", "thank"}:
                    yield said[place]["content"], said[place + 1]["content"], last


@pytest.mark.parametrize(
    ("name", "exchanges", "heard_at_least", "mistaken_at_most"),
    [("sgd", english, 0.92, 0.05), ("crosswoz", chinese, 0.95, 0.01)],
)
def test_endings_are_heard(shared_data: Path, name: str, exchanges, heard_at_least: float, mistaken_at_most: float):
    found = list(exchanges(shared_data / name))
    rows = [
        turn(str(number), "05-01 10:00", conversation_id=str(number), user_text=message, reply_text=reply)
        for number, (message, reply, _) in enumerate(found)
    ]
    exits = {row["conversation_id"]: row["kind"] == "natural" for row in World(turns=rows).run_to("exits")}
    natural = {
        last: [exits[str(number)] for number, one in enumerate(found) if one[2] is last] for last in (True, False)
    }
    assert len(natural[True]) > 500
    assert sum(natural[True]) / len(natural[True]) >= heard_at_least
    assert sum(natural[False]) / len(natural[False]) <= mistaken_at_most
