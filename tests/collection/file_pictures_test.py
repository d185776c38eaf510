"""The picture of a file, whatever it holds."""

import numpy as np
import pytest
import recordings
from planted import picture, save

from keras_twins import collection
from keras_twins.collection.audit import audit
from keras_twins.collection.file_pictures import picture_of
from keras_twins.collection.measures import open_picture
from keras_twins.decode import host


def test_the_first_bytes_say_what_is_drawn(tmp_path):
    (image,) = save(tmp_path, {"a.png": picture(0)})
    assert picture_of(image) == open_picture(image)
    recordings.write(tmp_path / "sound.wav", recordings.tone(0))
    (tmp_path / "sound.wav").rename(tmp_path / "odd.png")
    found = picture_of(tmp_path / "odd.png")
    assert found.mode == "RGB" and found.size == (160, 160)
    brightest = np.asarray(found).sum(axis=-1).mean(axis=1).argmax()
    assert brightest > 120  # 150 Hz, of 60 to 7800 from the bottom up.


def test_a_recording_that_cannot_be_read_has_none(tmp_path):
    (tmp_path / "torn.wav").write_bytes(recordings.wav(recordings.tone(0))[:100])
    for name in ("torn.wav", "gone.wav"):
        with pytest.raises(host.ERRORS):
            picture_of(tmp_path / name)


def test_an_audit_compares_recordings_by_their_embeddings_alone(tmp_path):
    recordings.folder(tmp_path, count=12)
    paths = sorted(map(str, tmp_path.rglob("*.wav")))
    (tmp_path / "torn.wav").write_bytes(b"RIFF\0\0\0\0WAVEfmt ")
    rows = np.random.default_rng(0).normal(size=(13, 8)).astype(np.float32)
    rows[5] = rows[2]
    found = audit(rows, [*paths, str(tmp_path / "torn.wav")])
    assert found.pictures.rows.tolist() == found.pictures.missing == []
    assert list(found.pictures.unreadable) == [12]
    (group,) = found.duplicates.groups
    assert sorted(group.rows) == [2, 5] and found.judged == []
    assert found.outliers[0].row == 12


def test_recordings_are_selected_as_images_are(tmp_path):
    recordings.folder(tmp_path, count=8)
    paths = sorted(map(str, tmp_path.rglob("*.wav")))
    rows = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
    chosen = collection.select(rows, 3, paths=paths)
    assert len(set(chosen.rows)) == 3
