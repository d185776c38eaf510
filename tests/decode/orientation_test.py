"""Images are turned as their Exif block says: whole or in parts, and as by Pillow."""

import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from keras_twins import augment
from keras_twins.decode import host
from keras_twins.decode.images import ImageDecoder

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 31, 3), np.uint8)
KINDS = ("JPEG", "PNG", "WEBP")
TURNS = range(1, 9)
XMP = b'<x:xmpmeta><rdf:Description tiff:Orientation="%d"/></x:xmpmeta>'

_decode = tf.function(
    lambda contents: ImageDecoder().decode(contents, tf.constant("the file")),
    input_signature=[tf.TensorSpec((), tf.string)],
    autograph=False,
)


@tf.function(input_signature=[tf.TensorSpec((), tf.string), tf.TensorSpec(4, tf.int32)])
def _part(contents, window):
    height, width, part = ImageDecoder().jpeg_parts(contents, tf.constant("the file"))
    return height, width, part(window)


def _encode(kind, exif=None, **options):
    options |= {"lossless": True} if kind == "WEBP" else {}
    options |= {"exif": exif} if exif is not None else {}
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, kind, **options)
    return file.getvalue()


def _block(turn, order="<", tag=0x0112, kind=3, count=1):
    """An Exif block whose first directory has another tag, and the orientation."""
    start = b"II*\0" if order == "<" else b"MM\0*"
    value = struct.pack(order + ("HH" if kind == 3 else "I"), turn, *[0] * (kind == 3))
    return (
        start
        + struct.pack(order + "IH", 8, 2)
        + struct.pack(order + "HHII", 0x0100, 4, 1, 31)
        + struct.pack(order + "HHI", tag, kind, count)
        + value
        + bytes(4)
    )


def _as_pillow(contents):
    with Image.open(io.BytesIO(contents)) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


def _as_stored(contents):
    with Image.open(io.BytesIO(contents)) as image:
        return np.asarray(image.convert("RGB"))


@pytest.mark.filterwarnings("ignore:Metadata Warning")
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind", KINDS)
def test_an_image_is_turned_as_pillow_turns_it(kind, order, tmp_path):
    for turn in TURNS:
        count = 1 + turn % 2
        exif = b"Exif\0\0" + _block(turn, order, count=count)
        contents = _encode(kind, exif=exif)
        pixels = _decode(contents).numpy()
        np.testing.assert_array_equal(pixels, _as_pillow(contents))
        sent = host.readable(contents)
        np.testing.assert_array_equal(pixels, _decode(sent))
        path = tmp_path / "file"
        path.write_bytes(contents)
        assert host.size(path) == pixels.shape[1::-1]


def _chunk(name, data):
    checked = zlib.crc32(name + data)
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", checked)


def test_the_block_of_a_png_may_stand_behind_its_pixels(tmp_path):
    plain = _encode("PNG")
    end = plain.index(b"IEND") - 4
    contents = plain[:end] + _chunk(b"eXIf", _block(6)) + plain[end:]
    pixels = _decode(contents)
    assert pixels.shape == (31, 20, 3)
    np.testing.assert_array_equal(pixels, _as_pillow(contents))
    path = tmp_path / "a.png"
    path.write_bytes(contents)
    assert host.size(path) == (20, 31)


def _with_xmp(kind, xmp, exif=None):
    if kind != "PNG":
        return _encode(kind, exif=exif, xmp=xmp)
    plain = _encode(kind, exif=exif)
    at = plain.index(b"IDAT") - 4
    text = b"XML:com.adobe.xmp\0\0\0\0\0" + xmp
    return plain[:at] + _chunk(b"iTXt", text) + plain[at:]


@pytest.mark.parametrize("kind", KINDS)
def test_xmp_turns_an_image_whose_exif_block_does_not(kind):
    for exif, turned in (
        (None, True),
        (b"Exif\0\0" + _block(6, tag=0x0101), True),
        (b"Exif\0\0" + _block(1), False),
    ):
        contents = _with_xmp(kind, XMP % 8, exif)
        pixels = _decode(contents)
        assert (pixels.shape == (31, 20, 3)) == turned
        np.testing.assert_array_equal(pixels, _as_pillow(contents))


def test_blocks_before_the_exif_block_of_a_jpeg_are_passed():
    plain = _encode("JPEG")
    exif = b"Exif\0\0" + _block(5)
    pieces = [(0xE2, b"a" * 3000), (0xFE, b""), (0xE1, b"b" * 60_000), (0xE1, exif)]
    blocks = b"".join(
        struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data
        for marker, data in pieces
    )
    # The last marker has a byte that fills the place before it.
    blocks = blocks[: -len(exif) - 4] + b"\xff" + blocks[-len(exif) - 4 :]
    contents = plain[:20] + blocks + plain[20:]
    np.testing.assert_array_equal(_decode(contents), _as_pillow(contents))
    assert _decode(contents).shape == (31, 20, 3)


@pytest.mark.parametrize(
    "block",
    [
        *(_block(turn) for turn in (0, 9, 65_535)),
        _block(6, kind=2),
        _block(6)[:4] + b"\xff\xff\xff\xff" + _block(6)[8:],
        _block(6)[:8] + b"\xff\xff",
        b"XX" + _block(6)[2:],
        *(_block(6)[:length] for length in range(0, 32, 3)),
    ],
)
@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("kind", KINDS)
def test_a_torn_or_hostile_block_leaves_an_image_as_it_is(kind, block):
    contents = _encode(kind, exif=b"Exif\0\0" + block)
    pixels = _decode(contents)
    np.testing.assert_array_equal(pixels, _as_stored(contents))
    np.testing.assert_array_equal(pixels, _decode(host.readable(contents)))


@pytest.mark.parametrize("size", [b"\xff" * 4, b"\x7f\xff\xff\xff", bytes(4)])
def test_hostile_sizes_of_pieces_end(size):
    png = _encode("PNG")
    at = png.index(b"IDAT") - 4
    torn = png[:at] + size + b"teXt" + png[at:]
    webp = _encode("WEBP", exif=b"Exif\0\0" + _block(6))
    at = webp.index(b"EXIF") + 4
    for contents in (torn, webp[:at] + size + webp[at + 4 :]):
        try:
            assert _decode(contents).shape in ((20, 31, 3), (31, 20, 3))
        except tf.errors.InvalidArgumentError:
            pass  # The decoder of the pixels refuses it.


def test_a_hostile_number_of_pieces_is_not_walked_to_its_end():
    plain = _encode("PNG")
    block = _chunk(b"teXt", b"") * 16_500 + _chunk(b"eXIf", _block(6))
    assert _decode(plain[:33] + block + plain[33:]).shape == (20, 31, 3)
    assert _decode(plain[:33] + _chunk(b"eXIf", _block(6)) + plain[33:]).shape == (
        31,
        20,
        3,
    )


@pytest.mark.parametrize("turn", TURNS)
def test_a_part_of_a_jpeg_is_that_part_of_the_whole(turn):
    """Bit for bit where colours are not interpolated: of every pixel its own."""
    exif = b"Exif\0\0" + _block(turn)
    contents = _encode("JPEG", exif=exif, subsampling=0)
    whole = _decode(contents).numpy()
    for top, left, rows, columns in (
        (0, 0, *whole.shape[:2]),
        (3, 7, 5, 9),
        (2, 1, 1, 2),
    ):
        height, width, part = _part(contents, [top, left, rows, columns])
        assert (height, width) == whole.shape[:2]
        expected = whole[top : top + rows, left : left + columns]
        np.testing.assert_array_equal(part, expected)


@pytest.mark.parametrize("turn", [1, 6, 7])
def test_views_of_parts_are_those_of_the_whole(turn):
    views = augment.TwoViews("digits", seed=3)
    contents = _encode("JPEG", exif=b"Exif\0\0" + _block(turn), subsampling=0)
    parts = ImageDecoder().jpeg_parts(tf.constant(contents), tf.constant("the file"))
    for key in range(3):
        key = tf.constant(key, tf.int64)
        found = views.resample_parts(*parts, key)
        expected = views.resample(_decode(contents), key)
        for crop, expected_crop in zip(found, expected, strict=True):
            np.testing.assert_allclose(crop, expected_crop, atol=1e-3)
