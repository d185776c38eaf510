"""The ledger of a collection: each file once, in order, and where its embedding is."""

import pytest

from keras_twins.collection.images import File
from keras_twins.collection.ledger import Ledger

FILES = [File(f"é {n}\udcff.jpg", n, 10**18 + n) for n in range(6)]


@pytest.fixture
def ledger(tmp_path):
    with Ledger(tmp_path / "ledger") as opened:
        yield opened
    assert not list(tmp_path.iterdir())


def test_each_file_is_there_once_where_it_came_first(ledger):
    ledger.add([FILES[3], FILES[0], FILES[3]])
    ledger.add([FILES[1], FILES[0]])
    assert ledger.count == 3
    assert list(ledger.missing(2)) == [[FILES[3], FILES[0]], [FILES[1]]]


def test_a_later_shard_replaces_an_earlier_one(ledger):
    ledger.add(FILES)
    ledger.mark(0, [FILES[4], FILES[2]])
    ledger.mark(1, [FILES[1], FILES[2]])
    places = [(FILES[1], 1, 0), (FILES[2], 1, 1), (FILES[4], 0, 0)]
    assert list(ledger.places()) == places
    assert list(ledger.missing(9)) == [[FILES[0], FILES[3], FILES[5]]]


def test_what_was_left_out_is_there_in_its_order_while_files_are_added(ledger):
    pairs = [(file.path, f"reason {n % 2}") for n, file in enumerate(FILES)]

    def listed():
        for file, pair in zip(FILES, pairs, strict=True):
            ledger.leave_out([pair])
            yield file

    ledger.add(listed())
    assert list(ledger.left_out()) == pairs
    assert (ledger.count, ledger.count_left_out()) == (6, 6)


def test_what_changed_and_what_has_gone_is_counted(ledger):
    ledger.add(FILES[:4])
    old = FILES[1]._replace(size=99)
    ledger.mark(0, [FILES[0], old, FILES[5]])
    assert (ledger.embedded(), ledger.changed(), ledger.gone()) == (1, 1, 1)
    ledger.mark(1, [FILES[1]])
    assert (ledger.embedded(), ledger.changed(), ledger.gone()) == (2, 0, 1)
