"""Groups of duplicates: no chains, the best file first."""

from keras_twins.collection.groups import EXACT, NEAR, PART, Group, leaks, make_groups


def _groups(count, matches, best=0):
    members = [[row] for row in range(count)]
    return make_groups(members, [EXACT] * count, matches, lambda row: row == best)


def test_a_chain_is_not_a_group():
    chain = {(0, 1): (NEAR, 0.95), (1, 2): (NEAR, 0.9)}
    for best in range(3):
        (group,) = _groups(3, chain, best)
        assert not {0, 2} <= set(group.rows)
    long = {(n, n + 1): (NEAR, 0.9) for n in range(9)}
    found = _groups(10, long)
    assert sorted(row for group in found for row in group.rows) == list(range(10))
    assert all(len(group.rows) == 2 for group in found)


def test_two_parts_of_one_picture_need_not_match_each_other():
    parts = {(0, 1): (PART, 0.9), (0, 2): (PART, 0.95)}
    (group,) = _groups(3, parts)
    assert group == Group([0, 2, 1], ["keep", PART, PART], [1.0, 0.95, 0.9])


def test_all_that_match_one_another_are_one_group():
    matches = {(a, b): (NEAR, 0.9) for b in range(5) for a in range(b)}
    (group,) = _groups(5, matches, best=3)
    assert group.rows[0] == 3 and sorted(group.rows) == list(range(5))


def test_exact_copies_come_along_with_their_picture():
    found = make_groups(
        [[0, 4], [1], [2, 3, 5], [6]],
        [EXACT] * 4,
        {(0, 1): (NEAR, 0.9)},
        lambda row: -row,
    )
    assert found == [
        Group([0, 4, 1], ["keep", EXACT, NEAR], [1.0, 1.0, 0.9]),
        Group([2, 3, 5], ["keep", EXACT, EXACT], [1.0] * 3),
    ]


def test_a_leak_is_a_file_whose_picture_another_split_has():
    groups = [
        Group([5, 0, 1], ["keep", EXACT, EXACT], [1.0] * 3),
        Group([2, 3], ["keep", NEAR], [1.0, 0.9]),
        Group([4, 6], ["keep", NEAR], [1.0, 0.9]),
    ]
    splits = ["test", "test", "train", "train", "", "train", "test"]
    assert leaks(groups, splits) == {("test", "train"): [(0, 5), (1, 5)]}
    assert leaks(groups, [""] * 7) == {}
