import io
import struct

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_twins.decode.base import Limits
from keras_twins.decode.images import ImageDecoder

MAX_PIXELS = 10_000
PIXELS = np.random.default_rng(0).integers(0, 256, (20, 31, 4), np.uint8)

_decode = tf.function(
    lambda encoded: ImageDecoder().decode(
        encoded, tf.constant("file 7"), Limits(max_pixels=MAX_PIXELS)
    ),
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
        *[("WEBP", mode, 0) for mode in ("L", "RGB", "RGBA")],
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


def test_a_later_frame_of_a_gif_does_not_change_the_size():
    first = _encode(_rgb().quantize(), "GIF")
    larger = _encode(_rgb(1).resize((50, 40)).quantize(), "GIF")
    both = first[:-1] + larger[larger.index(b"\x2c\0\0\0\0") :]
    assert tf.io.decode_gif(both).shape == (2, 40, 50, 3)
    np.testing.assert_array_equal(_decode(both), _decode(first))


@pytest.mark.parametrize("transparency", [None, 3])
def test_gif_frame_off_the_corner_lies_on_the_canvas(transparency):
    options = {} if transparency is None else {"transparency": transparency}
    encoded = bytearray(_encode(_rgb().quantize(16), "GIF", **options))
    encoded[6:10] = struct.pack("<HH", 50, 21)
    frame = encoded.index(b"\x2c\x00\x00\x00\x00")
    encoded[frame + 1 : frame + 5] = struct.pack("<HH", 5, 3)
    found = _decode(bytes(encoded)).numpy()
    # The canvas grows where the frame would not lie on it.
    assert found.shape == (23, 50, 3)
    pillows = Image.open(io.BytesIO(encoded)).convert("RGB")
    np.testing.assert_array_equal(found, pillows)


def test_a_gif_without_colours_is_grey():
    encoded = bytearray(_encode(Image.fromarray(PIXELS[..., 0]), "GIF"))
    assert encoded[10] & 0x87 == 0x87
    encoded[10] &= 0x7F
    bare = bytes(encoded[:13] + encoded[13 + 768 :])
    found = _decode(bare)
    np.testing.assert_array_equal(found, Image.open(io.BytesIO(bare)).convert("RGB"))


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


def _webp_claiming(chunk):
    """A WebP of each of the three kinds: lossy, lossless, lossy with an alpha plane."""
    image = Image.fromarray(PIXELS).convert("RGBA" if chunk == b"VP8X" else "RGB")
    encoded = _encode(image, "WEBP", lossless=chunk == b"VP8L")
    assert encoded[12:16] == chunk

    def claiming(width, height):
        at, size = {
            b"VP8 ": (26, struct.pack("<HH", width, height)),
            b"VP8L": (21, struct.pack("<I", (width - 1) | (height - 1) << 14)),
            b"VP8X": (24, (width - 1 | (height - 1) << 24).to_bytes(6, "little")),
        }[chunk]
        return encoded[:at] + size + encoded[at + len(size) :]

    assert claiming(31, 20) == encoded
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
        (_webp_claiming(b"VP8 "), 16_383, 16_000),
        (_webp_claiming(b"VP8L"), 16_384, 16_000),
        (_webp_claiming(b"VP8X"), 16_384, 16_000),
    ],
)
def test_a_header_that_claims_too_much_is_refused_undecoded(claiming, width, height):
    assert (
        f"file 7 claims {width} x {height} pixels; 1 to {MAX_PIXELS} are decoded"
        in _refusal(claiming(width, height))
    )


def test_the_largest_picture_allowed_is_decoded():
    assert _decode(_encode(Image.new("L", (100, 100)), "PNG")).shape == (100, 100, 3)


@pytest.mark.parametrize(
    "encoded",
    [b"", b"\x89", b"hello", b"RIFF\x10\0\0\0WAVEfmt ", b"RIFF"],
)
def test_what_is_not_an_image_is_refused(encoded):
    assert "file 7 is not a JPEG, PNG, BMP, GIF or WebP image" in _refusal(encoded)


@pytest.mark.parametrize(
    "name, kind",
    [("TIFF", "TIFF"), ("PPM", "PNM"), ("AVIF", "AVIF"), ("JPEG2000", "JPEG 2000")],
)
def test_what_the_graph_does_not_read_is_named(name, kind):
    assert f"file 7 is a {kind} image; convert it to PNG" in _refusal(
        _encode(_rgb(), name)
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_levels_are_what_becomes_black_and_white(channels):
    fine = np.linspace(0, 4000, 20 * 31 * channels).astype(np.uint16)
    encoded = tf.io.encode_png(fine.reshape(20, 31, channels)).numpy()
    decoder = ImageDecoder(levels=(100, 3500))
    found = decoder.decode(tf.constant(encoded), tf.constant("the file")).numpy()
    expected = np.rint(255 * np.clip((fine - 100.0) / 3400, 0, 1))
    assert np.abs(found[..., :channels].reshape(-1) - expected).max() <= 1
    assert found.min() == 0 and found.max() == 255
    # Not those of 8 bits.
    plain = _encode(_rgb(), "PNG")
    np.testing.assert_array_equal(decoder.decode(plain, "the file"), _rgb())


@pytest.mark.parametrize("levels", [(5, 5), (-1, 5), (0, 65_536), (9, 3)])
def test_levels_that_are_none_are_refused(levels):
    with pytest.raises(ValueError, match="Received: levels="):
        ImageDecoder(levels=levels)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "GIF", "WEBP"])
@pytest.mark.parametrize("share", [0.01, 0.1, 0.6])
def test_a_truncated_picture_is_refused(kind, share):
    encoded = _encode(_rgb(), kind)
    _refusal(encoded[: int(len(encoded) * share)])


@pytest.mark.parametrize("at, value", [(30, 1), (14, 12), (28, 16), (30, 3)])
def test_bmp_variants_that_the_decoder_misreads_are_refused(at, value):
    # Compressed, with a header of 12 bytes, of 16 bits, with masks (but no mask).
    encoded = bytearray(_encode(_rgb(), "BMP"))
    encoded[at] = value
    assert "file 7 is a BMP image of a rare kind" in _refusal(bytes(encoded))


def _bmp_with_masks(*masks):
    """A BMP of 32 bits per pixel that says where red, green and blue lie."""
    plain = bytearray(_encode(Image.fromarray(PIXELS), "BMP"))
    plain[10:14] = struct.pack("<I", 66)
    plain[30:34] = struct.pack("<I", 3)
    return bytes(plain[:54]) + struct.pack("<III", *masks) + bytes(plain[54:])


def test_bmp_masks_are_the_usual_ones_or_refused():
    usual = _bmp_with_masks(0xFF0000, 0xFF00, 0xFF)
    np.testing.assert_array_equal(_decode(usual), PIXELS[..., :3])
    swapped = _bmp_with_masks(0xFF, 0xFF00, 0xFF0000)
    assert "file 7 is a BMP image of a rare kind" in _refusal(swapped)


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_bmp_rows_may_be_stored_from_the_top(mode):
    image = _rgb().convert(mode)
    flipped = bytearray(
        _encode(image.transpose(Image.Transpose.FLIP_TOP_BOTTOM), "BMP")
    )
    flipped[22:26] = struct.pack("<i", -20)
    np.testing.assert_array_equal(_decode(bytes(flipped)), image.convert("RGB"))


def test_transparent_colours_of_a_gif_keep_their_colour():
    opaque = _rgb().quantize(16)
    encoded = _encode(opaque, "GIF", transparency=opaque.getpixel((0, 0)))
    assert b"\x21\xf9" in encoded
    np.testing.assert_array_equal(_decode(encoded), opaque.convert("RGB"))


def test_an_animated_webp_never_reaches_the_decoder():
    frames = [_rgb(seed) for seed in range(2)]
    encoded = _encode(
        frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True
    )
    assert "file 7 is an animated WebP image" in _refusal(encoded)


def test_a_jpeg_is_whole_where_it_ends_as_one_ends():
    decoder, encoded = ImageDecoder(), _encode(_rgb(), "JPEG")
    assert decoder.is_whole_jpeg(tf.constant(encoded))
    for other in (
        encoded[:-1],
        encoded + b"\0",
        b"",
        b"\xff\xd9",
        _encode(_rgb(), "PNG"),
    ):
        assert not decoder.is_whole_jpeg(tf.constant(other))


def test_a_palette_is_as_long_as_the_header_says():
    broken = bytearray(_encode(_rgb().quantize(), "BMP"))
    broken[46:50] = struct.pack("<I", 1)
    broken[54:58] = bytes(4)
    assert not np.any(_decode(bytes(broken)))


@pytest.mark.parametrize("mode", ["L", "P", "RGB"])
def test_what_follows_the_rows_of_a_bmp_is_no_pixel(mode):
    encoded = _encode(_rgb().convert(mode), "BMP")
    np.testing.assert_array_equal(_decode(encoded + bytes(977)), _decode(encoded))
    assert "file 7 is a BMP image that is cut off" in _refusal(encoded[:-1])
