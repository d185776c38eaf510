"""Images, sounds, and what may become of their bytes: strategies for hypothesis."""

import io
import wave

import numpy as np
from hypothesis import strategies as st
from PIL import Image

FORMATS = {"JPEG": {}, "PNG": {}, "BMP": {}, "GIF": {}, "WEBP": {"lossless": True}}


def _encode(form, mode="RGB"):
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, form, **FORMATS[form])
    return file.getvalue()


WHOLE = [_encode(form) for form in FORMATS] + [_encode("BMP", "P"), _encode("PNG", "P")]


def _wav(channels):
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((channels, 2, 16_000, 0, "NONE", None))
        writer.writeframes(bytes(range(60)))
    return file.getvalue()


SOUNDS = [_wav(1), _wav(2), _wav(1).replace(b"data", b"LIST\3\0\0\0abc\0data")]

# Flip a bit, cut the rest off, repeat a part, put bytes in the place of others.
_steps = st.lists(
    st.tuples(
        st.sampled_from(["flip", "cut", "repeat", "replace"]),
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 255),
    ),
    max_size=6,
)


def _damage(contents, steps):
    contents = bytearray(contents)
    for how, where, value in steps:
        if not contents:
            break
        at = int(where * len(contents))
        if how == "flip":
            contents[at] ^= 1 << value % 8
        elif how == "cut":
            del contents[at:]
        elif how == "repeat":
            contents[at:at] = contents[at : at + value]
        else:
            contents[at : at + 4] = bytes([value]) * 4
    return bytes(contents)


def damaged(wholes):
    """Bytes drawn from `wholes`, damaged up to six times, or not at all."""
    return st.builds(_damage, st.sampled_from(wholes), _steps)
