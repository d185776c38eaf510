import concurrent.futures
import io
import pathlib
import sys
import warnings

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from keras_twins.decode import errors, host, image_reasons
from keras_twins.decode.images import ImageDecoder

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 31, 4), np.uint8)
ZOO = pathlib.Path(__file__).parent / "zoo"
_PNG = b"\x89PNG"
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


def test_the_size_of_a_gif_is_its_canvas_s(tmp_path):
    contents = bytearray(_encode(SMOOTH.convert("P"), "GIF"))
    contents[6:10] = b"\x64\x00\x50\x00"  # A canvas of 100 x 80 pixels.
    path = tmp_path / "a.gif"
    path.write_bytes(contents)
    height, width, _ = ImageDecoder().read(str(path)).shape
    assert host.size(path) == (width, height) == (100, 80)


RGB = SMOOTH.convert("RGB")
TURNED = Image.Exif()
TURNED[274] = 8
FRAMES = {"save_all": True, "append_images": [RGB.rotate(180)]}


@pytest.mark.parametrize(
    "kind, options",
    [
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "tiff_adobe_deflate"}),
        ("TIFF", {"compression": "jpeg"}),
        ("TIFF", FRAMES),
        ("TIFF", {"big_tiff": True}),
        ("TIFF", {"tiffinfo": {274: 6}}),
        ("AVIF", {"exif": TURNED}),
        ("PPM", {}),
        ("AVIF", {}),
        ("JPEG2000", {}),
        ("WEBP", FRAMES),
    ],
)
def test_what_the_graph_does_not_read_becomes_a_png(kind, options, tmp_path):
    contents = _encode(RGB, kind, **options)
    assert host.needs_conversion(contents[: host.HEAD_BYTES])
    with pytest.raises(tf.errors.InvalidArgumentError):
        ImageDecoder().decode(tf.constant(contents), "the file")
    converted = host.readable(contents)
    assert not host.needs_conversion(converted)
    pixels = ImageDecoder().decode(tf.constant(converted), "the file")
    turned = ImageOps.exif_transpose(_open(contents))
    np.testing.assert_array_equal(pixels, turned.convert("RGB"))
    path = tmp_path / "file"
    path.write_bytes(contents)
    assert host.size(path) == turned.size


def test_heic_is_read_with_the_extra_and_names_it_without(monkeypatch):
    pillow_heif = pytest.importorskip("pillow_heif")
    file = io.BytesIO()
    pillow_heif.from_pillow(RGB).save(file, quality=90)
    contents = file.getvalue()
    assert host.needs_conversion(contents)
    expected = pillow_heif.open_heif(contents).to_pillow().convert("RGB")
    np.testing.assert_array_equal(_open(host.readable(contents)), expected)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(
        host.Unreadable, match=r"^is a HEIC image; .*keras-twins\[heic\]"
    ):
        host.readable(contents)


INTEGERS = np.arange(600).reshape(20, 30) * 100


@pytest.mark.parametrize(
    "samples, expected",
    [
        (INTEGERS.astype(">u2"), INTEGERS),
        (INTEGERS.astype(np.int32), INTEGERS),
        (np.linspace(0, 1, 600, dtype=np.float32).reshape(20, 30), None),
        (INTEGERS.astype(np.float32) + 0.4, INTEGERS),
    ],
)
def test_deep_images_become_a_png_of_16_bits(samples, expected):
    if samples.dtype == ">u2":
        image = Image.frombytes("I;16B", (30, 20), samples.tobytes())
    else:
        image = Image.fromarray(samples)
    converted = host.readable(_encode(image, "TIFF"))
    assert host.is_16_bit(converted) and not host.is_16_bit(_encode(RGB, "PNG"))
    if expected is None:
        expected = np.rint(samples * 65535.0)
    np.testing.assert_array_equal(_open(converted), expected)


@pytest.mark.parametrize(
    "value, said", [(-1.0, "-1.0"), (7e4, "70000"), (np.nan, "nan")]
)
def test_deep_images_out_of_range_are_refused_with_the_range(value, said):
    samples = np.zeros((3, 4), np.float32)
    samples[1, 1] = value
    with pytest.raises(host.Unreadable, match=f"^holds values from .*{said}"):
        host.png(Image.fromarray(samples))


def test_pillow_s_limit_is_the_user_s_and_the_pixel_limit_is_ours(monkeypatch):
    contents = _encode(RGB, "PPM")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    # Neither its error nor, with this suite's filters, its warning.
    assert _PNG in host.readable(contents)
    assert Image.MAX_IMAGE_PIXELS == 100
    with pytest.raises(
        host.Unreadable,
        match=r"^claims 31 x 20 pixels; 1 to 619 are decoded \(max_pixels\)$",
    ):
        host.readable(contents, max_pixels=619)


def test_a_broken_file_is_one_line_and_no_warning(recwarn):
    contents = _encode(RGB, "TIFF")
    filters = list(warnings.filters)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for reason in pool.map(_reason, [contents[:cut] for cut in range(8, 900, 20)]):
            assert reason.startswith("cannot be decoded: ") and "\n" not in reason
    assert warnings.filters == filters and not recwarn.list


def _reason(contents):
    with pytest.raises(host.Unreadable) as caught:
        host.readable(contents)
    return str(caught.value)


def test_conversion_and_the_graph_agree_about_what_is_read():
    """Where a file need not be converted, the graph does not refuse its kind."""
    for path in ZOO.iterdir():
        contents = path.read_bytes()
        try:
            ImageDecoder().decode(tf.constant(contents), "the file")
            reason = ""
        except tf.errors.InvalidArgumentError as error:
            reason = errors.reason(error.message)
        refused = reason in (image_reasons.RARE_BMP, image_reasons.ANIMATED_WEBP)
        refused |= reason.endswith(
            "convert it to PNG, as the client of keras-twins does"
        )
        assert host.needs_conversion(contents[: host.HEAD_BYTES]) == refused, path
