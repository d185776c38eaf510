"""What the client takes for an image, and what of it arrives."""

import io

import numpy as np
import pytest
from PIL import Image

from keras_twins.errors import InputError
from keras_twins.serving.client import EmbeddingClient, ImageError


@pytest.fixture
def pixels(rng):
    return rng.integers(0, 256, (9, 14, 3), np.uint8)


def test_pixels_arrive_unchanged_from_any_kind_of_image(serve, pixels, tmp_path):
    url, server = serve("http")
    image = Image.fromarray(pixels)
    image.save(tmp_path / "a.png")
    image.save(tmp_path / "b.webp", lossless=True)
    encoded = (tmp_path / "a.png").read_bytes()
    given = [
        str(tmp_path / "a.png"),
        tmp_path / "b.webp",
        encoded,
        bytearray((tmp_path / "b.webp").read_bytes()),
        pixels,
        image,
        image.convert("RGBA"),
    ]
    with EmbeddingClient(url) as client:
        client.embed(given)
    [arrived] = server.requests
    assert arrived[0] == arrived[2] == encoded
    for sent in arrived:
        decoded = Image.open(io.BytesIO(sent))
        assert decoded.format == "PNG"
        np.testing.assert_array_equal(decoded.convert("RGB"), pixels)


def test_what_png_cannot_hold_becomes_rgb_and_16_bits_stay(serve, pixels):
    url, server = serve("http")
    grey = Image.fromarray(pixels[..., 0].astype(np.uint16) * 256 + 99)
    with EmbeddingClient(url) as client:
        client.embed([Image.fromarray(pixels).convert("CMYK"), grey])
    rgb, fine = (Image.open(io.BytesIO(sent)) for sent in server.requests[0])
    assert rgb.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(fine), np.asarray(grey))


@pytest.mark.parametrize(
    ("image", "got"),
    [
        (np.zeros((4, 4, 3)), r"float64 array \(4, 4, 3\)"),
        (np.zeros((4, 4), np.uint8), r"uint8 array \(4, 4\)"),
        (np.zeros((0, 4, 3), np.uint8), r"uint8 array \(0, 4, 3\)"),
        (7, "int"),
    ],
)
def test_what_is_no_image_is_named_by_its_place(serve, image, got):
    url, server = serve("http")
    with pytest.raises(ImageError, match=rf"^images\[1\]: expected .*; got {got}"):
        with EmbeddingClient(url) as client:
            client.embed([b"x", image])
    assert server.requests == []


def test_a_file_that_cannot_be_read_is_named(serve, tmp_path):
    url, _ = serve("http")
    with pytest.raises(ImageError, match="gone.png: No such file") as caught:
        with EmbeddingClient(url) as client:
            client.embed([b"x", tmp_path / "gone.png"])
    assert caught.value.index == 1
    assert caught.value.name == str(tmp_path / "gone.png")


def test_webp_that_cannot_be_decoded_is_named_by_its_path(serve, tmp_path):
    url, _ = serve("http")
    (tmp_path / "a.webp").write_bytes(b"RIFF\x10\x00\x00\x00WEBPVP8 cut off")
    with pytest.raises(ImageError, match=r"a\.webp: cannot be decoded"):
        with EmbeddingClient(url) as client:
            client.embed([tmp_path / "a.webp"])


def test_a_pil_image_that_is_cut_off_is_named(serve, pixels):
    url, _ = serve("http")
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG")
    cut_off = Image.open(io.BytesIO(file.getvalue()[:-100]))
    with pytest.raises(
        ImageError, match=r"^images\[1\]: cannot be decoded: .*truncated"
    ):
        with EmbeddingClient(url) as client:
            client.embed([b"x", cut_off])


def test_an_animated_webp_gives_its_first_frame(serve, pixels):
    file = io.BytesIO()
    frames = [Image.fromarray(pixels), Image.fromarray(255 - pixels)]
    options = {"save_all": True, "append_images": frames[1:], "lossless": True}
    frames[0].save(file, "WEBP", **options)
    url, server = serve("http")
    with EmbeddingClient(url) as client:
        client.embed([file.getvalue()])
    [[sent]] = server.requests
    assert getattr(Image.open(io.BytesIO(sent)), "n_frames", 1) == 1
    np.testing.assert_array_equal(Image.open(io.BytesIO(sent)).convert("RGB"), pixels)


def test_one_image_for_a_list_is_refused():
    for image in ("a.png", b"bytes"):
        with pytest.raises(InputError, match="expected a list; got one"):
            with EmbeddingClient("http://localhost:1") as client:
                client.embed(image)
