"""`keras-twins explore`: how it starts and ends, and one line for each mistake."""

import re
import signal
import socket
import subprocess
import sys
import types
import urllib.request

import keras
import numpy as np
import pytest
from planted import picture, save

from keras_twins import collection, export
from keras_twins.commands import explore as command
from keras_twins.errors import InputError
from keras_twins.report import embedding_map
from keras_twins.serving import local


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    """A model, six pictures that it embedded, and one file that has moved."""
    place = tmp_path_factory.mktemp("explored")
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 3))
    encoder = keras.Model(image, keras.layers.Dense(4)(keras.layers.Flatten()(image)))
    export.export_saved_model(encoder, place / "embedder", image_size=8)
    paths = save(place, {f"{n}.png": picture(n) for n in range(6)})
    rows = local.ExportedModel(place / "embedder" / "1").embed(paths)
    collection.write(
        place / "e.npz", np.concatenate([rows, rows[:1]]), [*paths, "gone.png"]
    )
    return place


def _open(embeddings, **given):
    names = ("workdir", "model_dir", "labels", "selected")
    flags = dict.fromkeys(names) | {name: str(given[name]) for name in given}
    flags["embeddings"] = embeddings and str(embeddings)
    return command.open_data(types.SimpleNamespace(**flags))


def test_says_what_is_missing_and_goes_on(embedded, tmp_path, capsys):
    labels, selected = tmp_path / "l.csv", tmp_path / "s.csv"
    labels.write_text("path,label\nother.png,cat\n")
    selected.write_text(f"path,score\n{embedded}/./2.png,1\nx.png,2\ny.png,3\n")
    data = _open(
        embedded / "e.npz",
        model_dir=embedded / "embedder",
        labels=labels,
        selected=selected,
    )
    assert capsys.readouterr().out.splitlines() == [
        f"1 row of {labels} without a file on the map; kept",
        f"2 rows of {selected} without an embedding",
        "1 file no longer there; shown without pictures",
        f"7 files; the map is PCA, kept in {embedded / 'e.npz.map.npz'}",
    ]
    assert np.frombuffer(data.selected(), "<i4").tolist() == [2]
    picture_bytes = (embedded / "4.png").read_bytes()
    rows, similarities = data.search(picture_bytes, 2)
    assert rows[0] == 4 and similarities[0] == pytest.approx(1, abs=1e-4)
    with pytest.raises(InputError, match="is not"):
        data.search(b"not a picture", 2)
    data.close()


def test_of_many_files_some_are_drawn_and_the_selected_ones(
    embedded, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(command, "_SHOWN", 3)
    paths = [str(embedded / f"{n}.png") for n in range(6)]
    for chosen in paths:
        (tmp_path / "s.csv").write_text(f"path\n{chosen}\n")
        data = _open(embedded / "e.npz", selected=tmp_path / "s.csv")
        said = capsys.readouterr().out
        assert f"{len(data)} of 7 files are shown and searched, drawn at random" in said
        [row] = np.frombuffer(data.selected(), "<i4").tolist()
        assert data.files([row])[0]["path"] == chosen and len(data) in (3, 4)
        data.close()


def test_the_map_is_the_one_that_was_kept(embedded, monkeypatch):
    first = _open(embedded / "e.npz")
    monkeypatch.setattr(embedding_map, "project", None)
    second = _open(embedded / "e.npz")
    assert first.points() == second.points()
    first.close()
    second.close()


def test_refuses_bad_input(embedded, tmp_path, rng):
    def refused(match, embeddings=embedded / "e.npz", **given):
        with pytest.raises(InputError, match=match) as raised:
            _open(embeddings, **given)
        assert "\n" not in str(raised.value)

    rows, paths = rng.normal(size=(4, 3)), list("abcd")
    refused("--embeddings=.*does not exist", tmp_path / "none.npz")
    collection.write(tmp_path / "e.npz", rows)
    refused("has no paths of images", tmp_path / "e.npz")
    rows[2, 1] = np.nan
    collection.write(tmp_path / "e.npz", rows, paths)
    refused("--embeddings=.*1 of 4 rows hold NaN or infinity", tmp_path / "e.npz")
    refused("does not exist; expected numbered folders", model_dir=tmp_path / "no")
    refused("--labels=.*there is no such folder", labels=tmp_path / "no" / "l.csv")
    refused("--selected=.*cannot be read: No such file", selected=tmp_path / "s.csv")
    (tmp_path / "s.csv").write_text("name\nx\n")
    refused("expected the column path", selected=tmp_path / "s.csv")
    assert not list(tmp_path.glob("*.map.npz"))


def test_refuses_another_model(embedded, tmp_path):
    found = collection.read(embedded / "e.npz")
    wider = np.pad(found.embeddings, ((0, 0), (0, 1)))
    for rows, match in (
        (wider, "of width 4; those .* have a width of 5"),
        (-found.embeddings, r"is not the model .*cosine -1.00.*give the model"),
    ):
        collection.write(tmp_path / "e.npz", rows, found.paths)
        with pytest.raises(InputError, match=match):
            _open(tmp_path / "e.npz", model_dir=embedded / "embedder")


def test_a_taken_port_is_one_line(embedded):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        flags = types.SimpleNamespace(port=port)
        with pytest.raises(InputError, match=f"--port={port}: .*in use"):
            command.main(flags, [])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told_to_stop(embedded, number):
    arguments = ["-m", "keras_twins.commands.cli", "explore"]
    process = subprocess.Popen(
        [sys.executable, *arguments, f"--embeddings={embedded / 'e.npz'}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        said = ""
        for line in process.stdout:
            said += line
            if "Ctrl-C" in line:
                break
        address = re.search(r"http://127\.0\.0\.1:\d+/", said)[0]
        with urllib.request.urlopen(address) as answer:
            assert b"<title>Explore</title>" in answer.read()
        process.send_signal(number)
        rest, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0 and rest == ""
    assert "Traceback" not in errors
