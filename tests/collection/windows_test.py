"""Windows of several recordings, some of which cannot be embedded."""

import numpy as np
import pytest
import recordings
from recordings import RATE

from keras_twins import collection
from keras_twins.collection import bulk, images, windows
from keras_twins.decode.modality import recordings as modality
from keras_twins.decode.sound_windows import Windows
from keras_twins.errors import InputError
from keras_twins.serving.client_errors import SoundError
from keras_twins.serving.embedder import Outcome


class Loudness:
    """Embeds windows by their loudest sample, and refuses those that clip."""

    def outcomes(self, sounds):
        for index, sound in enumerate(sounds):
            loudest = np.frombuffer(sound[44:], np.int16).max()
            if loudest == 2**15 - 1:
                error = SoundError(index, sound, "clips")
                yield Outcome(np.zeros((0, 0), np.float32), [error])
            else:
                yield Outcome(np.array([[loudest]], np.float32), [])


@pytest.fixture
def files(tmp_path):
    """Recordings of 4, 3 and 1 s, the second one clipped, the third one cut off."""
    steps = np.repeat([1, 2, 3, 4], RATE) / 2**15
    recordings.write(tmp_path / "a.wav", steps)
    recordings.write(tmp_path / "b.wav", np.repeat([1.0, 5 / 2**15, 1.0], RATE))
    whole = recordings.wav(steps[:RATE])
    (tmp_path / "c.wav").write_bytes(whole[:-8])
    return images.Search([str(tmp_path)], modality=modality(RATE))


def test_each_row_is_of_its_window(files, tmp_path):
    path = tmp_path / "e.npz"
    output = bulk.Output(path, tmp_path, tmp_path / "e.skipped.csv")
    cut = Windows(RATE, 1000, 1000)
    written = windows.write(output, files, files.left_out, Loudness(), cut)
    found = collection.read(path)
    names = [name.rsplit("/", 1)[1] for name in found.paths]
    assert names == ["a.wav"] * 4 + ["b.wav"]
    assert found.embeddings[:, 0].tolist() == [1, 2, 3, 4, 5]
    assert found.columns["start_ms"].tolist() == [0, 1000, 2000, 3000, 1000]
    assert found.columns["end_ms"].tolist() == [1000, 2000, 3000, 4000, 2000]
    assert written[:3] == (5, 1, 3)
    _, b, c = (tmp_path / "e.skipped.csv").read_text().splitlines()
    assert b.endswith("b.wav,clips (from 0 ms on)")
    assert c.endswith("c.wav,is a WAV file that is cut off")


def test_the_first_fault_ends_a_strict_one(files, tmp_path):
    output = bulk.Output(tmp_path / "e.npz", tmp_path, tmp_path / "e.skipped.csv")
    cut = Windows(RATE, 1000, 1000)
    with pytest.raises(InputError, match=r"b\.wav: clips \(from 0 ms on\)"):
        windows.write(output, files, files.left_out, Loudness(), cut, strict=True)
    assert not (tmp_path / "e.npz").exists()
