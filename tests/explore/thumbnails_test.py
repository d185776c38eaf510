"""Thumbnails are made once, and no more of them are kept than there is room for."""

import concurrent.futures
import io

from PIL import Image
from planted import picture, save

from keras_twins.explore import thumbnails
from keras_twins.explore.thumbnails import SIDE, Thumbnails, thumbnail


def counted(monkeypatch):
    made = []

    def count(path):
        made.append(path)
        return thumbnail(path)

    monkeypatch.setattr(thumbnails, "thumbnail", count)
    return made


def test_many_that_ask_at_once_wait_for_one(tmp_path, monkeypatch):
    made = counted(monkeypatch)
    kept = Thumbnails(save(tmp_path, {"a.png": picture(0)}))
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        asked = list(pool.map(lambda _: kept.ask(0).result(), range(64)))
    assert len(set(asked)) == 1 and len(made) == 1
    kept.close()


def test_those_that_were_asked_for_last_are_kept(tmp_path, monkeypatch):
    made = counted(monkeypatch)
    paths = save(tmp_path, {f"{n}.png": picture(n) for n in range(6)})
    size = len(thumbnail(paths[0]))
    kept = Thumbnails(paths, most_bytes=4 * (size + 256))
    for row in range(6):
        kept.ask(row).result()
        kept.ask(0).result()
    assert len(made) == 6  # The first is asked for again and again, and never goes.
    kept.ask(1).result()
    assert len(made) == 7
    kept.close()


def test_a_file_that_is_no_picture_is_tried_once(tmp_path, monkeypatch):
    made = counted(monkeypatch)
    (tmp_path / "torn.png").write_text("no")
    kept = Thumbnails([str(tmp_path / "torn.png"), str(tmp_path / "gone.png")])
    for _ in range(2):
        assert [kept.ask(row).result() for row in (0, 1)] == [None, None]
    assert len(made) == 2
    kept.close()


def test_it_is_as_training_sees_the_file(tmp_path):
    """Turned as its Exif block says; 16 bits by their high byte."""
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    picture(0, 300, 100).save(tmp_path / "turned.jpg", exif=exif)
    made = Image.open(io.BytesIO(thumbnail(tmp_path / "turned.jpg")))
    assert made.size == (53, SIDE)
    Image.new("I;16", (8, 8), 40_000).save(tmp_path / "deep.png")
    made = Image.open(io.BytesIO(thumbnail(tmp_path / "deep.png")))
    assert made.size == (8, 8)
    assert abs(made.convert("L").getpixel((4, 4)) - 40_000 // 256) < 4
