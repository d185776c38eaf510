"""What kind of image a file is, seen from its first bytes.

One table for the graph, which names what it does not read, and for the host, which
converts it. No TensorFlow, no Pillow.
"""

JPEG, PNG, GIF, BMP, WEBP = "JPEG", "PNG", "GIF", "BMP", "WebP"

# What the graph reads, most of each kind.
IN_GRAPH = {
    JPEG: b"\xff\xd8\xff",
    PNG: b"\x89PNG",
    GIF: b"GIF8",
    BMP: b"BM",
}

# Of BMP files the graph reads those with one of these headers, by their size, whose
# pixels are indices, or lie in this order where there are masks for red, green, blue.
BMP_HEADER_BYTES = 66
BMP_HEADERS = (40, 52, 56, 64, 108, 124)
BMP_MASKS = bytes([0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0, 0])

# How files of other kinds start. Pillow reads them, the graph does not.
_STARTS = {
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    "PNM": (b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"Pf"),
    "JPEG 2000": (b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  \r\n\x87\n"),
}
# A file of the ISO container names its coding after its first box's size and name.
_BRANDS = {
    "AVIF": (b"avif", b"avis"),
    "HEIC": (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"),
}
# The kinds that the graph does not read: where each one's first bytes stand, and which.
CONVERTED = {
    **{kind: (0, starts) for kind, starts in _STARTS.items()},
    **{
        kind: (4, tuple(b"ftyp" + brand for brand in brands))
        for kind, brands in _BRANDS.items()
    },
}


def kind_of(head):
    """The kind of an image file, or None for what is not an image.

    Args:
        head: bytes, the first ones of the file; 32 are enough.

    Returns:
        str or None.
    """
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return WEBP
    for kind, start in IN_GRAPH.items():
        if head.startswith(start):
            return kind
    return kind_in(CONVERTED, head)


def kind_in(table, head):
    """The kind whose first bytes a file has, or None.

    Args:
        table: dict from a kind to where its first bytes stand, and which they may be.
        head: bytes, the first ones of the file.

    Returns:
        str or None.
    """
    for kind, (position, starts) in table.items():
        if head.startswith(starts, position):
            return kind
    return None
