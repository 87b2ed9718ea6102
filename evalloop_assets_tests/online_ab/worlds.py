"""Simulated experiments with known truth, as sums per user, epoch and arm."""

import numpy as np

from evalloop_assets.online_ab.influence import UserSums


def summed(user, epoch, treated, value):
    """Units with one value each, summed by user, epoch and arm."""
    people = int(user.max()) + 1
    cell = (epoch * 2 + treated) * people + user
    size = (int(epoch.max()) + 1) * 2 * people
    units = np.bincount(cell, minlength=size).astype(float)
    total = np.bincount(cell, value, size)
    kept = np.flatnonzero(units)
    return UserSums(
        user=kept % people,
        epoch=kept // people // 2,
        treated=(kept // people) % 2 == 1,
        units=units[kept],
        total=total[kept],
    )


def by_conversation(rng, users=400, icc=0.3, weight=0.5, effect=0.0, busy=4.0):
    """Conversations drawn into an arm one by one; a user's conversations are alike (intra-class correlation `icc`)."""
    counts = 1 + rng.poisson(rng.gamma(1.0, busy, users))
    user = np.repeat(np.arange(users), counts)
    treated = rng.random(len(user)) < weight
    value = np.sqrt(icc) * rng.normal(size=users)[user] + np.sqrt(1 - icc) * rng.normal(size=len(user))
    return user, treated, value + effect * treated


def by_user(rng, users=400, weight=0.5, effect=0.0, busy=4.0, icc=0.3):
    """The same, with all conversations of a user in one arm."""
    user, _, value = by_conversation(rng, users, icc, busy=busy)
    treated = (rng.random(users) < weight)[user]
    return user, treated, value + effect * treated
