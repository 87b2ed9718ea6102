"""Pairs of near sets in compiled code: the rarest members of the left sets are indexed, the right ones looked up."""

from __future__ import annotations

import numpy as np

from evalloop_assets.compiled import compiled


@compiled()
def looked_at(size: int, threshold: float) -> int:
    """How many of the rarest members hold one that is in every set that is near."""
    return size - int(np.ceil(threshold * size - 1e-9)) + 1


@compiled()
def index(starts, ranks, members, threshold):  # type: ignore[no-untyped-def]
    """For each rank the last text that has it among its rarest, and for each such entry the one before it."""
    last = np.full(members, -1, np.int64)
    before = np.empty(len(ranks), np.int64)
    text = np.empty(len(ranks), np.int64)
    entries = 0
    for at in range(len(starts) - 1):
        size = starts[at + 1] - starts[at]
        if size:
            for rank in np.sort(ranks[starts[at] : starts[at + 1]])[: looked_at(size, threshold)]:
                before[entries], text[entries], last[rank] = last[rank], at, entries
                entries += 1
    return last, before, text


@compiled()
def shares(one, other, least):  # type: ignore[no-untyped-def]
    """Whether so many members or more are in both, each ascending; ends once too many were missed."""
    both = mine = theirs = 0
    while both + min(len(one) - mine, len(other) - theirs) >= least:
        if mine == len(one) or theirs == len(other):
            return True
        both += one[mine] == other[theirs]
        less = one[mine] <= other[theirs]
        theirs += one[mine] >= other[theirs]
        mine += less
    return False


@compiled()
def slots(members):  # type: ignore[no-untyped-def]
    """A hash table of the members: place in `members`, or -1; more than half of it is free."""
    size = 1
    while size < 2 * len(members) + 2:
        size *= 2
    table = np.full(size, -1, np.int64)
    for at in range(len(members)):
        slot = np.int64(members[at]) & (size - 1)
        while table[slot] >= 0:
            slot = (slot + 1) & (size - 1)
        table[slot] = at
    return table


@compiled()
def linked(keys, starts, ranks, members, rank, others, other_starts, threshold):  # type: ignore[no-untyped-def]
    last, before, text = index(starts, ranks, len(members), threshold)
    table = slots(members)
    mask = len(table) - 1
    found = [(at, at) for at in range(0)]  # the type of its elements
    met = np.full(len(starts) - 1, -1, np.int64)
    for other in range(len(other_starts) - 1):
        theirs = others[other_starts[other] : other_starts[other + 1]]
        known = np.empty(len(theirs), np.int64)
        count = 0
        for key in theirs:
            slot = np.int64(key) & mask
            while table[slot] >= 0 and members[table[slot]] != key:
                slot = (slot + 1) & mask
            if table[slot] >= 0:
                known[count] = rank[table[slot]]
                count += 1
        # What no left text has is rarer than all that one has.
        left = looked_at(len(theirs), threshold) - (len(theirs) - count)
        if len(theirs) == 0 or left <= 0:
            continue
        for rarest in np.sort(known[:count])[:left]:
            entry = last[rarest]
            while entry >= 0:
                at = text[entry]
                entry = before[entry]
                size = starts[at + 1] - starts[at]
                if met[at] == other or size < threshold * len(theirs) - 1e-9:
                    continue
                met[at] = other
                if len(theirs) < threshold * size - 1e-9:
                    continue
                least = threshold * (size + len(theirs)) / (1 + threshold) - 1e-9
                if shares(keys[starts[at] : starts[at + 1]], theirs, least):
                    found.append((at, other))
    return found
