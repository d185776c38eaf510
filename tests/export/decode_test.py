import io
import struct

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_twins.export.decode import decode_picture

MAX_PIXELS = 10_000
PIXELS = np.random.default_rng(0).integers(0, 256, (20, 31, 4), np.uint8)

_decode = tf.function(
    lambda encoded: decode_picture(encoded, tf.constant("picture 7"), MAX_PIXELS),
    input_signature=[tf.TensorSpec((), tf.string)],
    autograph=False,
)


def _encode(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _rgb(seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (20, 31, 3), np.uint8)
    return Image.fromarray(pixels)


def _refusal(encoded):
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        _decode(encoded)
    return caught.value.message


@pytest.mark.parametrize(
    "kind, mode, most",
    [
        *[("PNG", mode, 0) for mode in ("1", "L", "LA", "P", "RGB", "RGBA")],
        *[("BMP", mode, 0) for mode in ("L", "P", "RGB", "RGBA")],
        *[("GIF", mode, 0) for mode in ("L", "P", "RGB")],
        # Two decoders of JPEG may round differently.
        *[("JPEG", mode, 4) for mode in ("L", "RGB", "CMYK")],
    ],
)
def test_equals_pillow(kind, mode, most):
    source = Image.fromarray(PIXELS)
    if mode in ("L", "CMYK", "P"):
        source = source.convert("RGB")
    encoded = _encode(source.convert(mode), kind)
    expected = np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB"), np.int32)
    assert np.abs(_decode(encoded).numpy() - expected).max() <= most


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bit_png_keeps_the_high_byte(channels):
    fine = PIXELS[..., :channels].astype(np.uint16) * 256 + 99
    result = _decode(tf.io.encode_png(fine))
    np.testing.assert_array_equal(
        result, np.broadcast_to(PIXELS[..., : min(channels, 3)], (20, 31, 3))
    )


def test_gif_gives_its_first_frame_and_never_reads_the_others():
    frames = [_rgb(seed).quantize() for seed in range(3)]
    encoded = _encode(
        frames[0], "GIF", save_all=True, append_images=frames[1:], comment=b"x" * 700
    )
    np.testing.assert_array_equal(_decode(encoded), frames[0].convert("RGB"))
    # The second frame's size, 65 535 x 65 535, would take 13 gigabytes.
    second = encoded.index(b"\x2c", encoded.index(b"\x21\xf9", len(encoded) // 3))
    assert encoded[second + 5 : second + 9] == struct.pack("<HH", 31, 20)
    hostile = bytearray(encoded)
    hostile[second + 5 : second + 9] = b"\xff" * 4
    np.testing.assert_array_equal(_decode(bytes(hostile)), _decode(encoded))


def test_gif_frame_off_the_corner_is_the_picture():
    encoded = bytearray(_encode(_rgb().quantize(), "GIF"))
    frame = encoded.index(b"\x2c\x00\x00\x00\x00")
    moved = encoded[:frame] + b"\x2c\x05\x00\x03\x00" + encoded[frame + 5 :]
    np.testing.assert_array_equal(_decode(bytes(moved)), _decode(bytes(encoded)))


def _jpeg_claiming(width, height):
    encoded = _encode(_rgb(), "JPEG")
    at = encoded.index(b"\xff\xc0") + 5
    return encoded[:at] + struct.pack(">HH", height, width) + encoded[at + 4 :]


def _gif_claiming(width, height):
    encoded = _encode(_rgb().quantize(), "GIF")
    at = encoded.index(b"\x2c\x00\x00\x00\x00") + 5
    return encoded[:at] + struct.pack("<HH", width, height) + encoded[at + 4 :]


def _patched(kind, at, layout):
    def claiming(width, height):
        encoded = _encode(_rgb(), kind)
        size = struct.pack(layout, width, height)
        return encoded[:at] + size + encoded[at + len(size) :]

    return claiming


@pytest.mark.parametrize(
    "claiming, width, height",
    [
        (_patched("PNG", 16, ">II"), 101, 100),
        (_patched("PNG", 16, ">II"), 2**32 - 1, 2**32 - 1),
        (_patched("PNG", 16, ">II"), 0, 7),
        (_patched("BMP", 18, "<ii"), 2**31 - 1, 2**31 - 1),
        (_jpeg_claiming, 65_000, 65_000),
        (_gif_claiming, 65_000, 65_000),
    ],
)
def test_a_header_that_claims_too_much_is_refused_undecoded(claiming, width, height):
    assert (
        f"picture 7 claims {width} x {height} pixels; 1 to {MAX_PIXELS} are decoded"
        in _refusal(claiming(width, height))
    )


def test_the_largest_picture_allowed_is_decoded():
    assert _decode(_encode(Image.new("L", (100, 100)), "PNG")).shape == (100, 100, 3)


@pytest.mark.parametrize(
    "encoded",
    [b"", b"\x89", b"hello", _encode(_rgb(), "TIFF"), _encode(_rgb(), "WEBP")],
)
def test_what_is_no_picture_is_refused(encoded):
    assert "picture 7 is no JPEG, PNG, BMP or GIF picture" in _refusal(encoded)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "GIF"])
@pytest.mark.parametrize("share", [0.01, 0.1, 0.6])
def test_a_truncated_picture_is_refused(kind, share):
    encoded = _encode(_rgb(), kind)
    _refusal(encoded[: int(len(encoded) * share)])


def test_bmp_variants_that_the_decoder_misreads_are_refused():
    compressed = bytearray(_encode(_rgb().quantize(), "BMP"))
    compressed[30] = 1
    assert "picture 7 is a BMP of a rare kind" in _refusal(bytes(compressed))


def test_a_palette_that_lies_beyond_the_file_is_black():
    # Asked for bytes past the end, TensorFlow fails with all bytes in its message.
    broken = bytearray(_encode(_rgb().quantize(), "BMP"))
    broken[16] = 255
    assert not np.any(_decode(bytes(broken)))
