"""Recordings through the client, the command and a real server."""

import base64
import csv
import json
import types

import exported
import exported_sounds
import numpy as np
import pytest
import recordings
import soundfile
from damage import SOUNDS, damaged
from exported_sounds import RATE, WIDTH
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import keras_twins as kt
from keras_twins.commands import embed
from keras_twins.decode import host_sounds
from keras_twins.errors import InputError
from keras_twins.serving import model_input
from keras_twins.serving.client import EmbeddingClient, ImageError, SoundError
from keras_twins.serving.local import ExportedModel

BATCHING = "max_batch_size { value: 8 } batch_timeout_micros { value: 2000 }"
both = pytest.mark.parametrize("protocol", ["rest", "grpc"])


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    return exported_sounds.save(tmp_path_factory.mktemp("exported"))


@pytest.fixture(scope="module")
def local(version):
    return ExportedModel(version, batch_size=2)


@pytest.fixture(scope="module")
def serving(version, start_server, tmp_path_factory):
    batching = tmp_path_factory.mktemp("configured") / "batching.config"
    batching.write_text(BATCHING)
    return start_server(
        f"--model_dir={version.parent}",
        f"--batching_parameters_file={batching}",
    )


@pytest.fixture(params=["local", "rest", "grpc"])
def embedder(request, local):
    if request.param == "local":
        yield local
        return
    server = request.getfixturevalue("serving")
    url = server.rest if request.param == "rest" else f"grpc://{server.grpc}"
    with EmbeddingClient(url, model="sounds", batch_size=2) as client:
        yield client


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Four recordings of many kinds, and what is none."""
    folder = tmp_path_factory.mktemp("recordings")
    stereo = np.stack(
        [recordings.tone(1, rate=22_050), recordings.tone(2, rate=22_050)]
    )
    recordings.write(folder / "a.wav", recordings.tone(0))
    recordings.write(folder / "b.FLAC", stereo.T, 22_050)
    recordings.write(folder / "below" / "c.ogg", recordings.tone(3), subtype=None)
    recordings.write(folder / "d.wav", recordings.tone(4, rate=48_000), 48_000, "FLOAT")
    (folder / "cut.wav").write_bytes((folder / "a.wav").read_bytes()[:-900])
    (folder / "text.mp3").write_text("not a recording")
    recordings.write(folder / "ten.wav", recordings.tone(0, seconds=10))
    Image.new("RGB", (9, 9)).save(folder / "cover.png")
    return folder


GOOD = ("a.wav", "b.FLAC", "below/c.ogg", "d.wav")


def test_files_bytes_and_arrays_of_any_rate_are_embedded_alike(embedder, folder):
    paths = [folder / name for name in GOOD]
    of_paths = embedder.embed(paths)
    assert of_paths.shape == (4, WIDTH)
    np.testing.assert_allclose(np.linalg.norm(of_paths, axis=1), 1, rtol=1e-5)
    of_bytes = embedder.embed([path.read_bytes() for path in paths])
    np.testing.assert_allclose(of_bytes, of_paths, atol=1e-6)
    of_arrays = embedder.embed(
        [soundfile.read(paths[0])[0], *map(soundfile.read, paths[1:])]
    )
    # Vorbis, which is lossy, is decoded in other blocks.
    np.testing.assert_allclose(of_arrays, of_paths, atol=1e-4)


def test_the_command_s_models_agree(local, serving, folder):
    with EmbeddingClient(serving.rest, model="sounds") as client:
        found = client.embed([folder / name for name in GOOD])
    np.testing.assert_allclose(
        found, local.embed([folder / name for name in GOOD]), atol=1e-6
    )


def test_what_cannot_be_embedded_is_named_and_said_why(embedder, folder):
    whole = (folder / "a.wav").read_bytes()
    for given_, line in (
        (folder / "cover.png", rf"^{folder}/cover\.png: is not a recording$"),
        (b"", r"^audio_bytes\[1\]: is an empty file$"),
        (whole[:-900], r"^audio_bytes\[1\]: is a WAV file that is cut off$"),
        (folder / "ten.wav", r"ten\.wav: lasts 10 s; recordings of up to 4 s are read"),
        (folder / "gone.wav", r"gone\.wav: No such file"),
        (Image.new("RGB", (8, 8)), r"^audio_bytes\[1\]: expected .*; got Image$"),
        (np.zeros(9, np.int16), r"^audio_bytes\[1\]: expected .*; got int16 array"),
        (np.zeros(0, np.float32), r"^audio_bytes\[1\]: holds no sample$"),
        (np.full(99, np.nan), r"^audio_bytes\[1\]: holds samples that are not numbers"),
        ((np.zeros(99), 0), r"^audio_bytes\[1\]: claims 0 samples per second"),
    ):
        with pytest.raises(SoundError, match=line) as caught:
            embedder.embed([whole, given_])
        assert caught.value.index == 1 and "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def of_images(tmp_path_factory):
    """The folder of a model of images, which says nothing about itself."""
    return exported.save(tmp_path_factory.mktemp("images"))


def test_a_model_of_images_refuses_a_recording_in_one_line(of_images, folder):
    images = ExportedModel(of_images / "3")
    with pytest.raises(ImageError, match=r"b\.FLAC: is not a JPEG, PNG, BMP, GIF"):
        images.embed([folder / "b.FLAC"])


def test_the_rate_is_one_answer_per_file(serving):
    files = [{"b64": ""}, {"b64": "AAAA"}, {"b64": ""}]
    body = {"signature_name": "sample_rate", "inputs": {"audio_bytes": files}}
    status, text = serving.request("/v1/models/sounds:predict", body)
    assert (status, json.loads(text)) == (200, {"outputs": [RATE] * 3})


def test_a_description_that_says_nothing_is_refused(version, tmp_path):
    assert model_input.of_version(tmp_path).name == "image_bytes"
    said = tmp_path / "assets.extra" / "keras_twins.json"
    said.parent.mkdir()
    for text in ('{"input_name": "audio_bytes"}', "[]", "{"):
        said.write_text(text)
        with pytest.raises(InputError, match="keras_twins.json does not say what the"):
            model_input.of_version(tmp_path)


def _flags(**given_):
    unset = dict.fromkeys(
        ("model_dir", "server", "output", "files_from", "ray", "window_ms", "hop_ms")
    )
    usual = {"model_name": "sounds", "batch_size": 4, "strict": False}
    return types.SimpleNamespace(**unset | usual | given_)


@pytest.mark.parametrize("by", ["model_dir", "server"])
def test_the_command_embeds_a_folder(by, request, version, local, folder, tmp_path):
    where = {"model_dir": str(version.parent)}
    if by == "server":
        where = {"server": request.getfixturevalue("serving").rest}
    output = tmp_path / "e.parquet"
    embed.main(_flags(output=str(output), **where), [str(folder)])
    found = kt.collection.read(output)
    assert found.paths == [str(folder / name) for name in GOOD]
    np.testing.assert_allclose(found.embeddings, local.embed(found.paths), atol=1e-6)
    with open(tmp_path / "e.skipped.csv", newline="") as file:
        reasons = {path: reason for path, reason in csv.reader(file)}
    assert reasons == {
        "path": "reason",
        f"{folder}/cut.wav": "is a WAV file that is cut off",
        f"{folder}/ten.wav": "lasts 10 s; recordings of up to 4 s are read "
        "(max_seconds)",
        f"{folder}/text.mp3": "is not a recording",
    }
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    (pictures / "a.png").touch()
    with pytest.raises(InputError, match=r"no recording in .* \.png 1\); .*\.wav"):
        embed.main(_flags(**where), [str(pictures)])


def test_windows_are_embedded_as_recordings_of_their_own(
    version, local, folder, tmp_path
):
    output = tmp_path / "e.parquet"
    flags = _flags(
        model_dir=str(version.parent), output=str(output), window_ms=3000, hop_ms=2000
    )
    embed.main(flags, [str(folder)])
    found = kt.collection.read(output)
    ten = str(folder / "ten.wav")
    rows = [row for row, path in enumerate(found.paths) if path == ten]
    assert set(found.paths) == {ten, *(str(folder / name) for name in GOOD)}
    starts, ends = (found.columns[name][rows] for name in ("start_ms", "end_ms"))
    assert starts.tolist() == [0, 2000, 4000, 6000, 8000]
    assert ends.tolist() == [3000, 5000, 7000, 9000, 10_000]
    samples, _ = soundfile.read(ten)
    parts = [
        samples[8 * start : 8 * end] for start, end in zip(starts, ends, strict=True)
    ]
    np.testing.assert_allclose(found.embeddings[rows], local.embed(parts), atol=1e-5)
    listed = (tmp_path / "e.skipped.csv").read_text()
    assert "cut.wav" in listed and "text.mp3" in listed and "ten.wav" not in listed


@pytest.mark.parametrize(
    "flags, words",
    [
        ({"hop_ms": 9}, "--hop_ms=9 needs --window_ms"),
        (
            {"window_ms": 9},
            "--window_ms=9 needs an --output that ends in .npz or",
        ),
        ({"window_ms": 9, "output": "e.npy"}, "--window_ms=9 needs an --output"),
        ({"window_ms": 5000, "output": "e.npz"}, r"none of 1 files has an embedding"),
    ],
)
def test_windows_that_do_not_go_are_one_line(
    version, folder, tmp_path, monkeypatch, flags, words
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=words) as caught:
        embed.main(
            _flags(model_dir=str(version.parent), **flags), [str(folder / "cut.wav")]
        )
    assert "\n" not in str(caught.value) and not (tmp_path / "e.npz").exists()


def test_windows_are_for_recordings(of_images, folder, tmp_path):
    with pytest.raises(InputError, match="is for recordings; the model takes images"):
        embed.main(
            _flags(
                model_dir=str(of_images),
                output=str(tmp_path / "e.npz"),
                window_ms=9,
            ),
            [str(folder)],
        )


WHOLE = host_sounds.wav(np.arange(400, dtype=np.int16), RATE)


@given(
    st.lists(damaged([WHOLE, *SOUNDS]) | st.binary(max_size=64), min_size=1, max_size=3)
)
def test_any_sound_is_embedded_or_refused(serving, files):
    body = {"instances": [{"b64": base64.b64encode(f).decode()} for f in files]}
    status, text = serving.request("/v1/models/sounds:predict", body)
    found = json.loads(text)
    if status == 200:
        assert np.isfinite(found["predictions"]).all()
        assert len(found["predictions"]) == len(files)
    else:
        assert status == 400 and "audio_bytes[" in found["error"], found
