"""The list of skipped files: any name survives it, and no old list stays."""

import csv

from keras_twins.collection import skipped

ODD = [
    ('a "quoted", name.jpg', "is empty"),
    ("two\nlines.png", "cannot be decoded: no, really"),
    ("not \udcff utf-8.gif", "claims 20000 x 20000 pixels; 1 to 64000000 are decoded"),
]


def test_odd_names_are_read_again(tmp_path):
    skipped.write(tmp_path / "e.skipped.csv", ODD)
    with open(
        tmp_path / "e.skipped.csv",
        encoding="utf-8",
        errors="surrogateescape",
        newline="",
    ) as file:
        assert list(csv.reader(file)) == [["path", "reason"], *map(list, ODD)]


def test_a_list_goes_where_nothing_is_skipped_any_more(tmp_path):
    skipped.write(tmp_path / "e.skipped.csv", ODD)
    skipped.write(tmp_path / "e.skipped.csv", [])
    assert not list(tmp_path.iterdir())


def test_reasons_are_counted_whatever_their_numbers(tmp_path):
    more = ("b.jpg", "claims 3 x 400000 pixels; 1 to 64000000 are decoded")
    assert skipped.write(tmp_path / "e.skipped.csv", [*ODD, more]) == [
        ("claims … x … pixels; … to … are decoded", 2),
        ("is empty", 1),
        ("cannot be decoded", 1),
    ]
