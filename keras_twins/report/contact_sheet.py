"""A contact sheet: the pictures of some files, numbered."""

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from keras_twins import pictures
from keras_twins.collection.file_pictures import picture_of
from keras_twins.decode import host

_TILE = 96  # pixels
_GAP = 8
_LINE = 18
_WIDEST = 10  # tiles


def draw(paths):
    """Draws files in rows, each with its number from 1 on.

    Args:
        paths: list of 1 path or more. In place of a file that cannot be read is a grey
            tile.

    Returns:
        PIL image.
    """
    across = min(_WIDEST, math.ceil(math.sqrt(2 * len(paths))))
    down = -(-len(paths) // across)
    step = _TILE + _GAP
    size = _GAP + across * step, _GAP + down * (step + _LINE)
    sheet = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for place, path in enumerate(paths):
        row, column = divmod(place, across)
        corner = _GAP + column * step, _GAP + row * (step + _LINE)
        sheet.paste(_tile(path), corner)
        pen.text((corner[0], corner[1] + _TILE), str(place + 1), "black", font)
    return sheet


def _tile(path):
    try:
        return pictures.thumbnail(np.asarray(picture_of(path)), _TILE)
    except host.ERRORS:
        return Image.new("RGB", (_TILE, _TILE), "lightgrey")
