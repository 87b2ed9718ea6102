"""One generation of the demo: candidate, gate, true value, and the candidate that serves from then on."""

import re

from evalloop_assets_tests.homes import command


def test_a_candidate_passes_the_gate_is_truly_better_and_takes_over(tmp_path):
    process = command(tmp_path, "demo", "--generations", "1")
    printed, _ = process.communicate(timeout=1500)
    assert process.returncode == 0, printed
    assert re.search(r"generation 1: incumbent-best-of-4-\S+, gate passed", printed)
    low = re.search(r"against the champion [+-]\d\.\d+ \[([+-]\d\.\d+)", printed)
    assert low is not None
    assert float(low[1]) > 0.2
    assert re.search(r"incumbent-best-of-4-\S+ serves from the next day on", printed)


def test_no_generation_at_all_is_refused(tmp_path):
    process = command(tmp_path, "demo", "--generations", "0")
    printed, _ = process.communicate(timeout=400)
    assert process.returncode == 2, printed
