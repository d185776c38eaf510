"""A zoo of image files through training and export: both refuse, or both see the same.

`zoo/` holds some of Pillow's own test images (see `zoo/LICENCE.md`); the hostile files
are made here.
"""

import io
import pathlib
import struct
import zlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from keras_twins import data
from keras_twins.data.explain import unreadable_image
from keras_twins.decode import errors
from keras_twins.decode.base import Limits
from keras_twins.decode.host import needs_conversion
from keras_twins.decode.images import ImageDecoder
from keras_twins.export.arrays import ImageArrays
from keras_twins.export.graph import EmbeddingGraph
from keras_twins.export.loading import load_function
from keras_twins.serving.client_images import ImageError, encode

ZOO = pathlib.Path(__file__).parent / "zoo"
SIDE = 256
SHAPE = (SIDE, SIDE, 3)

# Files that are refused, and why. All others are read.
RARE = "BMP image of a rare kind"
TIFF = "is a TIFF image; convert it to PNG"
REFUSED = {
    "16bit.deflate.tif": TIFF,
    "baddens1.bmp": RARE,
    "broken.png": "claims 97293039 x 1048810005 pixels",
    "decompression_bomb.gif": "claims 65535 x 1321 pixels",
    "multipage.tiff": TIFF,
    "pal1.bmp": RARE,
    "pal4rle.bmp": RARE,
    "pal8os2.bmp": RARE,
    "pal8rle.bmp": RARE,
    "reallybig.bmp": "claims 3000000 x 2000000 pixels",
    "rgb24png.bmp": RARE,
    "rgb32bf-xbgr.bmp": RARE,
    "shortfile.bmp": RARE,
    "truncated_jpeg.jpg": "cannot be decoded",
    "zero_width.gif": "claims 0 x 1321 pixels",
}
# Read here, not by Pillow, which checks more of a header.
NOT_BY_PILLOW = {"badpalettesize.bmp", "unknown_compression_method.png"}
# Pillow cuts 16-bit samples off at 255.
OTHERWISE_BY_PILLOW = {"i_trns.png"}


def _encoded(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _chunk(name, contents):
    checked = name + contents
    return (
        struct.pack(">I", len(contents))
        + checked
        + struct.pack(">I", zlib.crc32(checked))
    )


def _png_of_nothing(width, height):
    """A small file that claims a large image of zeros, and lacks most of them."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [_chunk(b"IHDR", header), _chunk(b"IDAT", pixels), _chunk(b"IEND", b"")]
    )


def _hostile():
    image = Image.fromarray(
        np.random.default_rng(0).integers(0, 256, (20, 31, 3), np.uint8)
    )
    jpeg = _encoded(image, "JPEG")
    gif = _encoded(image.quantize(), "GIF")
    bmp = _encoded(image, "BMP")
    lossy, lossless = (_encoded(image, "WEBP", lossless=b) for b in (False, True))
    frames = {"save_all": True, "append_images": [image.rotate(180)]}
    animated = _encoded(image, "WEBP", lossless=True, **frames)
    return {
        "empty": b"",
        "text": b"not an image",
        "only a start of a JPEG": b"\xff\xd8\xff",
        "JPEG of another size": jpeg.replace(
            struct.pack(">HH", 20, 31), struct.pack(">HH", 65_000, 65_000)
        ),
        "JPEG in a JPEG": jpeg[:100] + jpeg,
        "JPEG with a tail": jpeg + b"\0" * 1000,
        "cut JPEG": jpeg[: len(jpeg) // 2],
        "PNG of nothing": _png_of_nothing(100_000, 100_000),
        "PNG of less": _png_of_nothing(200, 200),
        "GIF of extensions": gif[:13] + b"\x21\xfe\x01x\x00" * 10_000 + b";",
        "GIF of endless blocks": gif[:-2] + b"\xff" * 5000,
        "GIF that is cut in its palette": gif[:100],
        "BMP whose pixels lie elsewhere": bmp[:10] + b"\xff\xff\xff\x7f" + bmp[14:],
        "lossy WebP, cut": lossy[: len(lossy) // 2],
        "lossless WebP, cut": lossless[: len(lossless) // 2],
        "WebP that hides its frames": animated[:20] + b"\0" + animated[21:],
        "WebP without a chunk": b"RIFF\x04\0\0\0WEBP",
        "sound": b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0",
    }


FILES = {path.name: path.read_bytes() for path in ZOO.iterdir() if path.suffix != ".md"}
HOSTILE = _hostile()


def _on_a_square(image):
    """Every pixel of an image, exactly: zeros are outside of it."""
    return tf.image.pad_to_bounding_box(
        tf.cast(image, tf.float32) + 1.0, 0, 0, SIDE, SIDE
    )


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    """The pixels that an exported model sees of a file, or why it sees none."""
    inputs = keras.Input(SHAPE)
    whole = keras.Model(inputs, keras.layers.Flatten()(inputs))
    folder = tmp_path_factory.mktemp("export")
    graph = EmbeddingGraph(
        whole,
        ImageDecoder(),
        Limits(max_pixels=SIDE**2),
        ImageArrays(),
        _on_a_square,
        SHAPE,
        False,
    )
    graph.save(folder)
    embed = load_function(folder, "serving_default", "image_bytes")

    def run(contents):
        try:
            return embed(tf.constant([contents])).numpy().reshape(SHAPE), None
        except tf.errors.InvalidArgumentError as error:
            return None, errors.reason(error.message)

    return run


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    """The same of a training, in whose collection each file is, by name."""
    folder = tmp_path_factory.mktemp("training")
    names = {}
    for number, (name, contents) in enumerate({**FILES, **HOSTILE}.items()):
        path = folder / f"{number:03}" / "file.png"
        path.parent.mkdir()
        path.write_bytes(contents)
        names[str(path)] = name
    bad = [path for _, path in data.unreadable(list(names)) if path]
    found, decoder = {}, ImageDecoder()
    for path in bad:
        error = unreadable_image(decoder, path)
        found[names[path]] = None, str(error).removeprefix(f"{path} ")
    images = data.load(f"folder:{folder}", without=bad)
    for path, image in zip(images.source.paths, images, strict=True):
        shape = data.describe(f"folder:{pathlib.Path(path).parent}").image_shape
        assert shape == image.shape
        found[names[path]] = _on_a_square(image).numpy(), None
    return found


def _client(export, contents):
    """The same of a client's file."""
    try:
        return export(encode(0, contents))
    except ImageError as error:
        return None, str(error)


@pytest.mark.parametrize("name", [*FILES, *HOSTILE])
def test_training_and_export_see_the_same_or_both_refuse(name, training, export):
    contents = {**FILES, **HOSTILE}[name]
    pixels, reason = training[name]
    exported, exported_reason = export(contents)
    if pixels is None:
        assert exported is None
        for line in (reason, exported_reason):
            assert line and "\n" not in line and "{{" not in line
        # The export's limit is the lower one.
        if f"1 to {SIDE**2} are decoded" not in exported_reason:
            assert reason == exported_reason
    else:
        np.testing.assert_array_equal(pixels, exported)
        sent, _ = _client(export, contents)
        np.testing.assert_array_equal(pixels, sent)


@pytest.mark.filterwarnings("ignore:Palette images with Transparency")
@pytest.mark.parametrize("name", FILES)
def test_the_zoo_is_read_as_pillow_reads_it(name, export):
    contents = FILES[name]
    exported, reason = export(contents)
    if name in REFUSED:
        assert REFUSED[name] in reason
        return
    if name in NOT_BY_PILLOW:
        with pytest.raises(OSError):
            Image.open(io.BytesIO(contents)).load()
        assert exported is not None
        return
    pillows = ImageOps.exif_transpose(Image.open(io.BytesIO(contents))).convert("RGB")
    different = np.abs(_on_a_square(np.asarray(pillows)) - exported).max()
    if name in OTHERWISE_BY_PILLOW:
        assert different > 0
    else:
        assert different == 0


@pytest.mark.parametrize("name", [n for n, c in FILES.items() if needs_conversion(c)])
def test_a_client_sends_what_pillow_reads(name, export):
    sent, reason = _client(export, FILES[name])
    try:
        image = ImageOps.exif_transpose(Image.open(io.BytesIO(FILES[name])))
    except OSError:
        assert sent is None and "cannot be decoded" in reason
        return
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) // 256).astype(np.uint8))
    np.testing.assert_array_equal(sent, _on_a_square(np.asarray(image.convert("RGB"))))


def test_the_first_frame_of_an_animated_webp_is_what_a_client_sends(export):
    frames = [Image.new("RGB", (9, 7), colour) for colour in ("red", "blue")]
    contents = _encoded(
        frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True
    )
    assert "is an animated WebP" in export(contents)[1]
    sent, _ = _client(export, contents)
    np.testing.assert_array_equal(sent, _on_a_square(np.asarray(frames[0])))
