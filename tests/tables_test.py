"""CSV tables as people and commands write them, and the line of a mistake."""

import pytest

from keras_twins import tables
from keras_twins.errors import InputError


@pytest.fixture
def read(tmp_path):
    def read_text(text, *given, **options):
        path = tmp_path / "l.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        table = tables.read("--labels", path, *given, **options)
        return table, list(
            zip(table.column("path"), table.column("label"), strict=True)
        )

    return read_text


def test_what_a_command_writes_is_read_whatever_the_names(read):
    names = ["two\nlines.png", 'a "quoted", name.png', " b .png", "c\u2028d\x85.png"]
    table = tables.empty()
    table.set_label([*names, "not \udce9 utf-8.gif"], "cat")
    text = table.text().encode(errors="surrogateescape")
    again, rows = read(text)
    assert rows == [(name, "cat") for name in [*names, "not \udce9 utf-8.gif"]]
    assert again.text() == table.text()


def test_a_row_may_end_early_and_a_line_be_empty(read):
    _, rows = read("id,path,label\n1,a.png,cat\n\n2,b.png\n3,c.png,dog,\n ,,\n")
    assert rows == [("a.png", "cat"), ("b.png", ""), ("c.png", "dog")]


def test_images_need_no_header(read):
    table, rows = read("a.png\tcat\nb.png\tdog\n", suffixes=(".png",))
    assert rows == [("a.png", "cat"), ("b.png", "dog")]
    table.set_label(["c.png"], "cat")
    assert table.text() == "a.png\tcat\nb.png\tdog\nc.png\tcat\n"
    with pytest.raises(InputError, match="expected the columns path and label"):
        read("a.png\tcat\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label\na.png,cat\nb.png,cat, black\n", "line 3 has 3 columns, .* has 2"),
        ('path,label\n"a.png,cat\nb.png,dog\n', "line 3: unexpected end of data"),
        (b"path,label\na.png,\xe4\n", "line 2, column 2: the label is not UTF-8"),
        ("path;size\na.png;3\n", "expected the columns path and label.*: path, size"),
        ("", "expected the columns path and label.*nothing"),
    ],
)
def test_a_mistake_names_the_file_and_the_line(read, text, message):
    with pytest.raises(InputError, match=rf"^--labels=.*l\.csv: {message}") as error:
        read(text)
    assert "\n" not in str(error.value)
