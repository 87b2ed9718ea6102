"""The study of the worked example on logs whose contamination is planted."""

import numpy as np

from benchmarks.worked_example import Log, study

SESSIONS, LENGTH, WIDTH = 400, 6, 8


def log(contamination: float, seed: int = 0) -> Log:
    """How a reply is read follows its quality, which shows in the reply, and how engaged its user is."""
    draw = np.random.default_rng(seed)
    n = SESSIONS * LENGTH
    session = np.repeat(np.arange(SESSIONS), LENGTH)
    engaged = draw.normal(size=SESSIONS)[session]
    reply = draw.normal(size=(n, WIDTH))
    quality = reply[:, 0]
    read = quality + contamination * engaged + draw.normal(size=n)
    low, high = np.quantile(read, [1 / 3, 2 / 3])
    by_session = read.reshape(SESSIONS, LENGTH)
    start = np.arange(SESSIONS) * LENGTH
    return Log(
        event=np.arange(n).astype(str),
        user=np.array([f"u{one}" for one in session // 2]),
        session=session,
        script=np.full(n, "latin"),
        good=read >= high,
        bad=read <= low,
        reply=reply,
        context=np.concatenate([draw.normal(size=(n, WIDTH)), engaged[:, None]], axis=1),
        quality=quality,
        pairs=np.stack([start + by_session.argmax(axis=1), start + by_session.argmin(axis=1)], axis=1),
    )


def test_pairs_of_one_session_remove_a_planted_contamination():
    single, across, within = study([log(2.0), log(2.0, seed=1)])
    assert min(single.moved.low, across.moved.low) > 0.5
    assert within.moved.value == 0
    assert within.across_gain.low > 0.05
    assert within.within_gain.low > 0
    assert within.across.value > across.across.value


def test_without_contamination_single_replies_are_nearly_as_good():
    single, _, within = study([log(0.0)])
    assert single.moved.value < 0.5
    assert abs(within.across_gain.value) < 0.06
