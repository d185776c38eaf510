"""Windows of recordings: where they begin and end, and what memory they take."""

import io
import tracemalloc

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from keras_twins.decode import host_sounds
from keras_twins.decode.errors import Unreadable
from keras_twins.decode.sound_windows import Windows

RATE = 8000
SAMPLES = np.random.default_rng(0).integers(-(2**15), 2**15, 200_000).astype(np.int16)


def file_of(samples, rate=RATE, form="WAV"):
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=form, subtype="PCM_16")
    return file


def cut(samples, windows):
    file = file_of(samples)
    file.seek(0)
    return list(windows.of(file))


@given(st.integers(1, len(SAMPLES)), st.integers(500, 30_000), st.integers(500, 30_000))
def test_windows_are_the_parts_of_the_recording_up_to_its_end(count, window, hop):
    found = cut(SAMPLES[:count], Windows(RATE, window, hop))
    assert [w.start_ms for w in found] == list(range(0, hop * len(found), hop))
    for start_ms, end_ms, samples in found:
        expected = SAMPLES[:count][8 * start_ms : 8 * (start_ms + window)]
        np.testing.assert_array_equal(samples, expected)
        assert abs(end_ms - start_ms - len(samples) / 8) <= 0.5
    whole = [len(w.samples) == 8 * window for w in found]
    assert all(whole[:-1])
    # The last one reaches the end, or what is left lies between two windows.
    end = 8 * found[-1].start_ms + len(found[-1].samples)
    assert end == count or 8 * hop * len(found) >= count
    assert len(found) == 1 or 8 * (found[-2].start_ms + window) < count


def test_another_rate_is_the_one_that_whole_files_get():
    file = file_of(SAMPLES[:50_000], 22_050)
    whole = host_sounds.readable(file.getvalue(), RATE)
    file.seek(0)
    parts = [window.samples for window in Windows(RATE, 700, 700).of(file)]
    np.testing.assert_array_equal(
        np.concatenate(parts), np.frombuffer(whole[44:], np.int16)
    )


def test_an_hour_is_read_in_bounded_memory(tmp_path):
    path, rate = tmp_path / "hours.wav", 4000
    with soundfile.SoundFile(path, "w", rate, 1, "PCM_16") as file:
        for _ in range(72):
            file.write(SAMPLES)
    assert path.stat().st_size == 44 + 2 * 3600 * rate
    tracemalloc.start()
    with open(path, "rb") as file:
        count = sum(1 for _ in Windows(rate, 10_000, 5000).of(file))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 719
    assert peak < 3e6  # A thirtieth of what the samples take as floats.


def test_a_fault_ends_the_windows_where_it_is_met():
    whole = file_of(SAMPLES[:100_000], form="FLAC").getvalue()
    windows = Windows(RATE, 1000, 1000).of(io.BytesIO(whole[: len(whole) // 2]))
    found = []
    with pytest.raises(Unreadable):
        found.extend(windows)
    assert len(found) < 12
    for contents, reason in ((b"text", "is not a recording"), (b"", "is an empty")):
        with pytest.raises(Unreadable, match=reason):
            list(Windows(RATE, 1000, 1000).of(io.BytesIO(contents)))
