import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_twins.decode import host
from keras_twins.decode.images import ImageDecoder

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 31, 4), np.uint8)
SMOOTH = Image.fromarray(PIXELS[:4, :4]).resize((31, 20), Image.Resampling.BICUBIC)


def _encode(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _open(contents):
    return Image.open(io.BytesIO(contents))


@pytest.mark.parametrize("source", [Image.fromarray(PIXELS), SMOOTH])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
@pytest.mark.parametrize(
    "options",
    [{"lossless": True, "exact": True}, {"quality": 30}, {"quality": 95, "method": 6}],
)
def test_a_webp_has_the_same_pixels_in_the_graph_and_on_the_host(source, mode, options):
    contents = _encode(source.convert(mode), "WEBP", **options)
    converted = host.readable(contents)
    assert _open(converted).format == "PNG"
    decoder = ImageDecoder()
    pixels = decoder.decode(tf.constant(contents), "the file").numpy()
    np.testing.assert_array_equal(pixels, decoder.decode(converted, "the file"))
    np.testing.assert_array_equal(pixels, _open(contents).convert("RGB"))


def test_what_the_graph_reads_stays_as_it_is():
    for kind in ("JPEG", "PNG", "BMP", "GIF"):
        contents = _encode(SMOOTH.convert("RGB"), kind)
        assert host.readable(contents) is contents
    for contents in (b"", b"RIFF", b"RIFF\x04\0\0\0WAVEfmt "):
        assert host.readable(contents) is contents


def test_a_webp_that_is_cut_off_is_an_error():
    contents = _encode(SMOOTH, "WEBP")
    with pytest.raises(host.ERRORS):
        host.readable(contents[: len(contents) // 2])


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_png_keeps_what_it_can_hold(mode):
    if mode == "I;16":
        image = Image.fromarray(PIXELS[..., 0].astype(np.uint16) * 257)
    else:
        image = Image.fromarray(PIXELS[..., :3]).convert(mode)
    found = _open(host.png(image))
    assert found.mode == mode
    np.testing.assert_array_equal(found, image)


def test_png_of_other_modes_is_rgb():
    image = Image.fromarray(PIXELS[..., :3]).convert("CMYK")
    np.testing.assert_array_equal(_open(host.png(image)), image.convert("RGB"))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "GIF", "WEBP"])
def test_the_size_is_that_of_what_the_graph_decodes(kind, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(_encode(SMOOTH.convert("RGB"), kind))
    assert host.size(path) == (31, 20)


def test_the_size_of_a_gif_is_its_first_frames(tmp_path):
    contents = bytearray(_encode(SMOOTH.convert("P"), "GIF"))
    contents[6:10] = b"\x64\x00\x50\x00"  # A canvas of 100 x 80 pixels.
    path = tmp_path / "a.gif"
    path.write_bytes(contents)
    with Image.open(path) as image:
        assert image.size == (100, 80)
    height, width, _ = ImageDecoder().read(str(path)).shape
    assert host.size(path) == (width, height) == (31, 20)
