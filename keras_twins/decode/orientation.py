"""How an image is turned before it is seen: what its Exif block says, in the graph.

As Pillow's `ImageOps.exif_transpose`: the Exif block decides and, where it does not
say, `tiff:Orientation` in the XMP. A block that is torn, or that says nothing known,
leaves the image as it is stored.
"""

import tensorflow as tf

from keras_twins.decode.fields import between, leading_bytes, number

_EXIF = b"Exif\0\0"
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_PNG_XMP = b"XML:com.adobe.xmp\0"
_NAMED_IN_XMP = r'(?s)^\C*?tiff:Orientation(?:="|>)([0-9])\C*$'
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II\0*", b"MM*\0")
_TAG, _SHORT, _LONG = 0x0112, 3, 4


def of_jpeg(contents):
    """The orientation of a JPEG, 1 to 8, as a scalar int32 tensor.

    Its blocks stand before the first table of the picture.
    """

    def piece(head):
        marker, length = tf.unstack(_numbers(head, tf.uint16, little_endian=False))
        # An APP block, a comment, or a byte that fills the place before a marker.
        size = tf.where(marker == 0xFFFF, tf.constant(1, tf.int64), length + 2)
        name = tf.strings.substr(head, 4, len(_XMP))
        is_exif = tf.strings.substr(name, 0, len(_EXIF)) == _EXIF
        return size, marker >= 0xFFE0, is_exif, name == _XMP

    def walked():
        return _said(contents, 2, piece, 4 + len(_XMP), 4)

    # The commonest beginning by far, JFIF's block and a table: no need to walk.
    start = tf.io.decode_raw(contents, tf.uint16, little_endian=False, fixed_length=22)
    start = tf.cast(start, tf.int32)
    plain = tf.reduce_all(start[1:3] == [0xFFE0, 16]) & (start[10] < 0xFFE0)
    return tf.cond(plain, lambda: 1, walked)


def of_png(contents):
    """The same of a PNG, whose block may stand behind the pixels."""

    def piece(head):
        (length,) = tf.unstack(_numbers(head, tf.int32, little_endian=False))
        name = tf.strings.substr(head, 4, 4)
        is_xmp = tf.strings.substr(head, 8, len(_PNG_XMP)) == _PNG_XMP
        known = (length >= 0) & (name != b"IEND")
        return length + 12, known, name == b"eXIf", is_xmp & (name == b"iTXt")

    return _said(contents, 8, piece, 8 + len(_PNG_XMP), 8)


def of_webp(contents):
    """The same of a WebP."""

    def piece(head):
        (length,) = tf.unstack(_numbers(head, tf.int32, little_endian=True, start=4))
        name = tf.strings.substr(head, 0, 4)
        return length + length % 2 + 8, length >= 0, name == b"EXIF", name == b"XMP "

    return _said(contents, 12, piece, 8, 8)


def turned(image, orientation):
    """An image as it is to be seen.

    Args:
        image: tensor `(height, width, channels)` as it is stored.
        orientation: scalar int32 tensor, 1 to 8.
    """

    def turn():
        across = tf.cond(
            orientation >= 5, lambda: tf.transpose(image, (1, 0, 2)), lambda: image
        )
        return tf.raw_ops.Reverse(
            tensor=across, dims=tf.stack([*_reversed(orientation), False])
        )

    return tf.cond(orientation == 1, lambda: image, turn)


def stored_window(window, height, width, orientation):
    """Where a part of the image lies as it is stored.

    Args:
        window: int32 tensor `[top, left, height, width]`, of the turned image.
        height, width: scalar int32 tensors, of the turned image.
        orientation: scalar int32 tensor, 1 to 8.

    Returns:
        int32 tensor like `window`.
    """
    top, left, rows, columns = tf.unstack(window)
    upside_down, mirrored = _reversed(orientation)
    top = tf.where(upside_down, height - top - rows, top)
    left = tf.where(mirrored, width - left - columns, left)
    return tf.where(
        orientation >= 5, [left, top, columns, rows], [top, left, rows, columns]
    )


def _reversed(orientation):
    """Whether rows, and columns, are reversed once a turned image is transposed."""
    return (
        tf.reduce_any(orientation == [3, 4, 7, 8]),
        tf.reduce_any(orientation == [2, 3, 6, 7]),
    )


def _said(contents, start, piece, head_bytes, header_bytes):
    """The orientation that the blocks of a file say.

    Args:
        contents: scalar string tensor.
        start: int. Where the first piece of the file begins.
        piece: function of a piece's first bytes: its size, whether others may follow,
            whether it is an Exif block and whether it is an XMP block.
        head_bytes: int. How many bytes that function wants.
        header_bytes: int. How many bytes stand before what a block holds.
    """

    def head(position):
        return tf.strings.substr(contents, position, head_bytes)

    def block(position):
        stop = position + piece(head(position))[0]
        return between(contents, position + header_bytes, stop)

    def read():
        said = tf.cond(exif > 0, lambda: _in_exif(block(exif)), lambda: -1)
        in_xmp = (said < 0) & (xmp > 0)
        return tf.cond(in_xmp, lambda: _in_xmp(block(xmp)), lambda: said)

    exif, xmp = _blocks(contents, start, lambda position: piece(head(position)))
    said = tf.cond(exif + xmp > 0, read, lambda: 1)
    return tf.where((said >= 1) & (said <= 8), said, 1)


def _blocks(contents, start, piece):
    """Where the first Exif block and the last XMP block of a file begin, or 0 each."""
    # A piece that is shorter holds no block. In 64 bits, as sizes may be any.
    last = tf.cast(tf.strings.length(contents) - 8, tf.int64)

    def step(position, exif, xmp):
        size, known, is_exif, is_xmp = piece(position)
        return (
            tf.where(known, position + size, last + 1),
            tf.where(is_exif & (exif == 0), position, exif),
            tf.where(is_xmp, position, xmp),
        )

    nowhere = tf.constant(0, tf.int64)
    return tf.while_loop(
        lambda position, exif, xmp: position <= last,
        step,
        (tf.constant(start, tf.int64), nowhere, nowhere),
        # More pieces than a file of 128 megabytes has: bounds a hostile one.
        maximum_iterations=16_384,
    )[1:]


def _in_exif(block):
    """The number in the tag of the first directory; -1 where there is none."""
    # Some writers keep the name that a JPEG has before the block.
    named = tf.strings.substr(block, 0, len(_EXIF)) == _EXIF
    start = tf.where(named, len(_EXIF), 0)
    block = tf.strings.substr(block, start, tf.strings.length(block) - start)
    head = leading_bytes(block, 8)
    is_big = head[0] == ord("M")

    def value(digits):
        return tf.where(is_big, number(digits, big_endian=True), number(digits))

    at = value(head[4:8])
    count = value(leading_bytes(between(block, at, at + 2), 2))
    rows = between(block, at + 2, at + 2 + 12 * count)
    rows = tf.strings.substr(rows, 0, tf.strings.length(rows) // 12 * 12)
    rows = tf.reshape(tf.io.decode_raw(rows, tf.uint8), (-1, 12))
    # A row holds a tag, a type, how many values there are, and the value.
    kind, number_of_values = value(rows[:, 2:4]), value(rows[:, 4:8])
    numbers = tf.where(kind == _SHORT, value(rows[:, 8:10]), value(rows[:, 8:12]))
    is_number = (kind == _SHORT) | (kind == _LONG)
    # Where there are two, Pillow takes the first.
    is_one = (number_of_values == 1) | ((kind == _SHORT) & (number_of_values == 2))
    here = (value(rows[:, :2]) == _TAG) & is_number & is_one
    is_tiff = tf.reduce_any(tf.strings.substr(block, 0, 4) == _TIFF_STARTS)
    said = tf.reduce_max(tf.where(here & is_tiff, numbers, -1))
    return tf.cast(tf.clip_by_value(said, -1, 9), tf.int32)


def _in_xmp(block):
    """The digit that an XMP block names the orientation by; -1 where it names none."""
    digit = tf.strings.regex_replace(block, _NAMED_IN_XMP, r"\1")
    code = tf.cast(leading_bytes(digit, 1)[0], tf.int32)
    return tf.where(tf.strings.length(digit) == 1, code - ord("0"), -1)


def _numbers(head, dtype, little_endian, start=0):
    """Four bytes of a string from `start` on, as int64 numbers of a type."""
    digits = tf.strings.substr(head, start, 4)
    digits = tf.io.decode_raw(digits, dtype, little_endian, fixed_length=4)
    return tf.cast(digits, tf.int64)
