"""The grid of scenarios and the metric set of each role type."""

from collections import Counter

from evalloop_assets.evaluation.dynamic.grid import (
    INTENTS,
    LOCALES,
    PROMPT_SETTINGS,
    ROLE_TYPES,
    metrics_of,
    roles,
    scenarios,
)


def test_six_role_types_times_seven_intents_times_three_prompts_in_two_languages():
    cells = Counter((one.role.locale, one.role.role_type, one.intent, one.prompt_setting) for one in scenarios())
    assert (len(ROLE_TYPES), len(INTENTS), len(PROMPT_SETTINGS)) == (6, 7, 3)
    assert len(cells) == 6 * 7 * 3 * len(LOCALES)
    assert set(cells.values()) == {2}
    keys = [one.key for one in scenarios()]
    assert len(set(keys)) == len(keys)


def test_a_role_has_the_same_facts_in_each_language():
    for english, chinese in zip(*([one for one in roles() if one.locale == locale] for locale in LOCALES), strict=True):
        assert english.role_id == chinese.role_id
        assert set(english.slots) == set(chinese.slots)
        assert [len(part) for part in english[4:7]] == [len(part) for part in chinese[4:7]]


def test_the_prompt_settings_tell_more_and_more():
    none, persona, full = (next(scenarios(["en"], ["historical_figure"], [INTENTS[0]], [s])) for s in PROMPT_SETTINGS)
    assert none.system == ""
    assert persona.system.startswith("You are Li Bai.")
    assert full.system.startswith(persona.system)
    assert "Know nothing of later dynasties." in full.system
    assert "Know nothing of later dynasties." not in persona.system


def test_the_metric_set_of_each_role_type():
    names = {role_type: [metric.name for metric in metrics_of(role_type)] for role_type in ROLE_TYPES}
    assert {role_type: len(found) for role_type, found in names.items()} == {
        "fictional_character": 10,
        "emotional_companion": 9,
        "historical_figure": 8,
        "utility_assistant": 8,
        "game_npc": 1,
        "profession": 8,
    }
    assert "empathy" in names["emotional_companion"]
    assert sum("empathy" in found for found in names.values()) == 1
    assert names["game_npc"] == ["game_completion_degree"]
    assert {metric.by for role_type in ROLE_TYPES for metric in metrics_of(role_type)} == {"text", "judge"}
