"""Recordings on the page of `explore`: seen as spectrograms, and played."""

import io

import browsing
import numpy as np
import pytest
import recordings
import soundfile
from browsing import wait_for
from explored import Client, serving
from explored_page import list_group, mistakes, open_explore, run
from PIL import Image
from planted import picture, save

from keras_twins import collection
from keras_twins.explore.data import Data
from keras_twins.explore.labels import Labels


@pytest.fixture
def sounds(tmp_path):
    """The data of a page of recordings: WAV, FLAC, AIFF, torn, gone, and a picture."""
    recordings.write(tmp_path / "a.wav", recordings.tone(0))
    recordings.write(tmp_path / "b.flac", recordings.tone(1))
    soundfile.write(tmp_path / "c.aiff", recordings.tone(2), recordings.RATE)
    (tmp_path / "torn.flac").write_bytes(b"fLaC" + bytes(20))
    names = ("a.wav", "b.flac", "c.aiff", "torn.flac", "gone.wav")
    paths = [str(tmp_path / name) for name in names]
    paths += save(tmp_path, {"d.png": picture(0)})
    rows = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    found = collection.Embeddings(rows, paths, None)
    labels = Labels(tmp_path / "labels.csv", paths)
    searched = collection.Neighbours(rows)
    return Data("sounds", found, rows[:, :2], "key", searched, labels)


def test_a_recording_is_drawn_and_played(sounds, tmp_path):
    with serving(sounds) as port:
        client = Client(port)
        files = client.json("/api/files?rows=0,1,2,4,5")[1]
        assert [file["sound"] for file in files] == [True, True, True, False, False]
        for row, kind in enumerate(("audio/wav", "audio/flac", "audio/wav")):
            drawn = Image.open(io.BytesIO(client(f"/api/thumbnail/{row}")[2]))
            assert drawn.size == (160, 160)
            status, headers, body = client(f"/api/sound/{row}")
            assert status == 200 and headers["Content-Type"] == kind
            heard, rate = soundfile.read(io.BytesIO(body))
            assert rate == recordings.RATE
            np.testing.assert_allclose(heard, recordings.tone(row), atol=1e-4)
        assert client("/api/sound/0")[2] == (tmp_path / "a.wav").read_bytes()
        # What is no recording is not sent, whoever asks.
        for row in (4, 5):
            assert client.json(f"/api/sound/{row}")[0] == 404
        assert client("/api/thumbnail/3")[1]["Content-Type"] == "image/svg+xml"
        assert client("/api/sound/0", Host="example.org")[0] == 403


def test_a_player_plays_and_loads_nothing_before(sounds, browser):
    with serving(sounds) as port:
        address = open_explore(browser, port)
        list_group(browser, ".")
        wait_for(browser, "document.querySelectorAll('.tile').length === 6")
        players = "document.querySelectorAll('#list audio')"
        assert run(browser, f"return {players}.length") == 4  # not gone, no picture
        asked = browsing.requests(browser)
        assert not any("/api/sound/" in one for one in asked)
        for place in range(3):
            run(browser, f"{players}[{place}].play()")
            wait_for(browser, f"{players}[{place}].currentTime > 0.05")
            length = run(browser, f"return {players}[{place}].duration")
            assert length == pytest.approx(1.2, abs=0.1)
        browsing.screenshot(browser, "explore-sounds.png")
        assert mistakes(browser) == []
        assert all(one.startswith(address) for one in browsing.requests(browser))
        browser.get("about:blank")
