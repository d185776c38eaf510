"""A picture of answers: queries and what is nearest to them, with file names."""

import os

from PIL import Image, ImageDraw, ImageFont

TILE = 128  # pixels
GAP = 8
LINE = 16
LINES = 2
_TEXT = 12
_GONE = (225, 225, 225)


def draw(answers):
    """Draws queries and their neighbours, a row for each query.

    Args:
        answers: list of lists of `(name, words, thumbnail)`: of the query, then of its
            neighbours. `words` stand above the name; a thumbnail is a PIL image of
            `TILE` pixels, or None where there is no picture.

    Returns:
        PIL image.
    """
    across = max(map(len, answers))
    size = (
        GAP + across * (TILE + GAP),
        GAP + len(answers) * (TILE + LINES * LINE + GAP),
    )
    sheet = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(_TEXT)
    for row, tiles in enumerate(answers):
        for column, (name, words, thumbnail) in enumerate(tiles):
            x, y = corner(row, column)
            if thumbnail is None:
                pen.rectangle((x, y, x + TILE - 1, y + TILE - 1), _GONE)
                pen.text((x + 6, y + 6), "not there", "black", font)
            else:
                sheet.paste(thumbnail, (x, y))
            for line, text in enumerate((words, os.path.basename(name) or name)):
                place = x, y + TILE + line * LINE
                pen.text(place, _shortened(text, font), "black", font)
    return sheet


def corner(row, column):
    """Where a tile begins, in pixels: `(x, y)`."""
    return GAP + column * (TILE + GAP), GAP + row * (TILE + LINES * LINE + GAP)


def _shortened(text, font):
    """A text that is no wider than a tile: names differ at both of their ends."""
    text = text.encode("utf-8", "replace").decode()
    kept = len(text)
    shown = text
    while font.getlength(shown) > TILE and kept > 2:
        kept -= 1
        shown = f"{text[: kept // 2]}…{text[-(kept - kept // 2) :]}"
    return shown
