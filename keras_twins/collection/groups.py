"""Groups of files that show one picture, which of them to keep, and leaks."""

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import Any

# How a file matches the one to keep.
KEEP, EXACT, NEAR, PART = "keep", "exact", "near", "part"
SAME_EMBEDDING = "same embedding"


@dataclasses.dataclass(frozen=True)
class Group:
    """Files that show one picture: the one to keep, and others that match it.

    Attributes:
        rows: list of int, rows of the collection; the first is the one to keep.
        kinds: list of str, how each row matches the first: "exact" (the same pixels),
            "near" (changed), "part" (one shows a part of the other) or "same embedding"
            (there were no pictures to compare). That of the first is "keep".
        similarities: list of float in 0..1, of each row to the first.
    """

    rows: list[int]
    kinds: list[str]
    similarities: list[float]


def make_groups(
    members: Sequence[Sequence[int]],
    kinds: Sequence[str],
    matches: dict[tuple[int, int], tuple[str, float]],
    worth: Callable[[int], Any],
) -> list[Group]:
    """Puts files into groups in which every file matches the best one.

    Files of a group also match one another, unless one of them shows only a part of
    the best one: two parts of a picture need not have anything in common. So groups do
    not grow along chains.

    Args:
        members: for each distinct picture the rows that show exactly it.
        kinds: for each distinct picture how its rows match one another.
        matches: dict from `(a, b)`, numbers of distinct pictures, a < b, to the kind of
            the match and its similarity.
        worth: function of a row; the best file of a group is the one of highest worth.

    Returns:
        list of `Group` of two files or more, the largest first.
    """
    partners: dict[int, list[int]] = {}
    for pair in matches:
        for a, b in (pair, pair[::-1]):
            partners.setdefault(a, []).append(b)

    def match(a, b):
        return matches.get((min(a, b), max(a, b)))

    def fits(picture, others, best):
        return all(
            match(picture, other)
            or PART in (match(best, picture)[0], match(best, other)[0])
            for other in others
        )

    rows_of = {
        number: sorted(rows, key=worth, reverse=True)
        for number, rows in enumerate(members)
        if len(rows) > 1 or number in partners
    }
    groups, taken = [], set()
    for best in sorted(rows_of, key=lambda n: worth(rows_of[n][0]), reverse=True):
        if best in taken:
            continue
        chosen: list[int] = []
        for other in sorted(partners.get(best, ()), key=lambda n: -match(best, n)[1]):
            if other not in taken and fits(other, chosen, best):
                chosen.append(other)
        taken.update([best, *chosen])
        keep, *same = rows_of[best]
        found = [(keep, KEEP, 1.0), *((row, kinds[best], 1.0) for row in same)]
        for other in chosen:
            found += [(row, *match(best, other)) for row in rows_of[other]]
        if len(found) > 1:
            groups.append(Group(*map(list, zip(*found, strict=True))))
    return sorted(groups, key=lambda group: (-len(group.rows), group.rows))


def leaks(
    groups: Sequence[Group], splits: Sequence[str]
) -> dict[tuple[str, str], list[tuple[int, int]]]:
    """Finds pictures that are in two splits, such as train and test.

    Args:
        groups: list of `Group`.
        splits: list of N str, the split of each file of the collection; "" for none.

    Returns:
        dict from `(split, other split)`, in the order of their names, to list of pairs
        of rows: each file of the first split that is also in the other, with one such
        file there.

    Examples:
        >>> from keras_twins.collection.groups import Group, leaks
        >>> group = Group([0, 2], ["keep", "exact"], [1.0, 1.0])
        >>> leaks([group], ["test", "train", "train"])
        {('test', 'train'): [(0, 2)]}
    """
    found: dict[tuple[str, str], dict[int, int]] = {}
    for group in groups:
        first: dict[str, int] = {}
        for row in sorted(group.rows):
            if splits[row]:
                first.setdefault(splits[row], row)
        for names in itertools.combinations(sorted(first), 2):
            here = found.setdefault(names, {})
            for row in group.rows:
                if splits[row] == names[0]:
                    here[row] = first[names[1]]
    return {names: sorted(rows.items()) for names, rows in sorted(found.items())}
