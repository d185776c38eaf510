"""What the points of `explore` are coloured by."""

import numpy as np
import pytest

from keras_twins.explore import colours, jobs


def test_the_most_frequent_have_a_colour_each_and_the_others_share_one():
    texts = [f"class {n}" for n in range(20) for _ in range(20 - n)] + [""] * 3
    found = colours.by_text(texts)
    assert found.names == [*(f"class {n}" for n in range(11)), "others", "none"]
    assert found.counts() == [*range(20, 9, -1), sum(range(1, 10)), 3]
    assert found.plain == 12 and found.values.dtype == np.uint8


def test_twelve_need_no_others():
    found = colours.by_text([str(n) for n in range(12)])
    assert "others" not in found.names and found.plain is None


@pytest.mark.parametrize(
    "paths, names",
    [
        (["/x/a/1.png", "/x/b/2.png"], ["a", "b"]),
        (["/x/a/1.png", "/x/a/2.png"], ["."]),
        (["a/b/1.png", "a/2.png", "3.png"], [".", "a", "a/b"]),
        (["/x/1.png", "y/2.png"], ["/x", "y"]),
    ],
)
def test_folders_are_named_from_where_they_differ(paths, names):
    assert sorted(colours.by_folder(paths).names) == names


def test_clusters_are_those_of_the_directions(rng):
    labels = np.arange(300) % 12
    rows = np.eye(12)[labels] * rng.uniform(1, 9, (300, 1))
    rows = (rows + 0.01 * rng.normal(size=(300, 12))).astype(np.float32)
    found = colours.by_cluster(rows)
    assert len({(a, b) for a, b in zip(labels, found.values, strict=True)}) == 12
    counts = found.counts()
    assert counts == sorted(counts, reverse=True)
    assert colours.by_cluster(rows[:1]).counts() == [1]


def test_a_job_that_fails_says_why_and_the_next_one_works():
    def fails(done):
        raise MemoryError("no room\nat all")

    asked = jobs.Jobs({"bad": fails, "good": lambda done: done(2)}, 2)
    bad, good = asked.ask("bad"), asked.ask("good")
    asked._thread.shutdown()
    assert (bad.state, bad.error) == ("failed", "no room at all")
    assert (good.state, good.done) == ("ready", 2)
    assert asked.ask("bad") is bad
