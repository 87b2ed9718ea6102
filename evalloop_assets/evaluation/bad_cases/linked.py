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
    """The texts that have a rank among their rarest, rank by rank, and where those of each rank begin."""
    rarest, owner = np.empty(len(ranks), np.int64), np.empty(len(ranks), np.int32)
    begins = np.zeros(members + 1, np.int64)
    entries = 0
    for at in range(len(starts) - 1):
        size = starts[at + 1] - starts[at]
        if size:
            for rank in np.sort(ranks[starts[at] : starts[at + 1]])[: looked_at(size, threshold)]:
                rarest[entries], owner[entries] = rank, at
                begins[rank + 1] += 1
                entries += 1
    begins = np.cumsum(begins)
    texts, place = np.empty(entries, np.int32), begins.copy()
    for entry in range(entries):
        texts[place[rarest[entry]]] = owner[entry]
        place[rarest[entry]] += 1
    return texts, begins


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
    """Pairs of a left and a right text that are near; of the left texts each key's rank is given, of `members` too."""
    texts, begins = index(starts, ranks, len(members), threshold)
    sizes = np.diff(starts)
    table = slots(members)
    mask = len(table) - 1
    found = [(at, at) for at in range(0)]  # the type of its elements
    shared = np.zeros(len(starts) - 1, np.int64)
    met = np.empty(len(starts) - 1, np.int64)
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
        candidates = 0
        for rarest in np.sort(known[:count])[:left]:
            for at in texts[begins[rarest] : begins[rarest + 1]]:
                if shared[at] == 0:
                    met[candidates] = at
                    candidates += 1
                shared[at] += 1
        for at in met[:candidates]:
            both, shared[at] = shared[at], 0
            size = sizes[at]
            if min(size, len(theirs)) < threshold * max(size, len(theirs)) - 1e-9:
                continue
            least = threshold * (size + len(theirs)) / (1 + threshold) - 1e-9
            # Up to the lesser of the last ranks that were looked at, all that are in both are counted.
            beyond = max(size - looked_at(size, threshold), len(theirs) - looked_at(len(theirs), threshold))
            if both + beyond >= least and shares(keys[starts[at] : starts[at + 1]], theirs, least):
                found.append((at, other))
    return found
