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


def test_what_changed_and_what_has_gone_is_counted(ledger):
    ledger.add(FILES[:4])
    old = FILES[1]._replace(size=99)
    ledger.mark(0, [FILES[0], old, FILES[5]])
    assert (ledger.embedded(), ledger.changed(), ledger.gone()) == (1, 1, 1)
    ledger.mark(1, [FILES[1]])
    assert (ledger.embedded(), ledger.changed(), ledger.gone()) == (2, 0, 1)
