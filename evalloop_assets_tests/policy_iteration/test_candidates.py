from datetime import date

from evalloop_assets.policy_iteration.candidates import Served, best_of_n_candidate

DAY = date(2026, 3, 5)


def test_first_candidate_stands_on_a_model_that_is_not_ours():
    found = best_of_n_candidate(Served("base", None, 0), 4, "2026-03-05-ab", DAY)
    assert found.model_id == "base-best-of-4-2026-03-05-ab"
    assert (found.base_model_id, found.parent, found.generation) == ("base", "base", 1)
    assert (found.kind, found.n, found.created_on) == ("best_of_n", 4, DAY)


def test_next_generation_draws_from_the_same_base():
    incumbent = Served("base-best-of-4-2026-03-05-ab", "base", 1)
    found = best_of_n_candidate(incumbent, 4, "2026-03-09-cd", DAY)
    assert found.model_id == "base-best-of-4-2026-03-09-cd"
    assert (found.base_model_id, found.parent, found.generation) == ("base", incumbent.model_id, 2)
