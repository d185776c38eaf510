"""`keras-twins views`: a picture of sixteen images or recordings and their views."""

import textwrap

from absl import flags as absl_flags
from PIL import Image, ImageDraw, ImageFont

from keras_twins import progress
from keras_twins.commands import cli, shared_flags
from keras_twins.commands.startup import start_tensorflow

_TILE = 96  # pixels, whatever size the views have
_GAP = 6
_IMAGES = 16  # a block is an image and its views
_TILES = 12  # of a row, in whole blocks
_LINE = 18
_COLUMNS = 170
_MEASURED = 256  # recordings


def define_flags(flags):
    shared_flags.define_config(flags)
    absl_flags.DEFINE_string(
        "output", "views.png", "The picture, a PNG file.", flag_values=flags
    )


def main(flags, paths):
    config = shared_flags.read_config(flags)
    output = shared_flags.check_output(flags.output, ".png")
    start_tensorflow()
    # They import TensorFlow.
    from keras_twins.data import explain_read_errors
    from keras_twins.runs import drawn_views
    from keras_twins.runs.run import Run

    with progress.stage(f"listing {config.dataset} and drawing its views"):
        run = Run(config)
        run.decide_image_size()
        with explain_read_errors(run.train_source.dataset()):
            run.decide_levels()
            run.decide_statistics(_MEASURED)
        draw(run, output)
    names, word = drawn_views.names(run.config), run.train_source.word
    print(f"{output}: {', '.join(names[:-1])} and {names[-1]} of {_IMAGES} {word}s")


def draw(run, output):
    """Draws images of the training split with the views of the first epoch.

    Args:
        run: `keras_twins.runs.run.Run`.
        output: path of the PNG file.

    Raises:
        InputError: for data or views that cannot be used.
    """
    from keras_twins.runs import drawn_views  # It imports TensorFlow.

    config = run.config
    caption = [f"{config.dataset}, seed {config.seed}", *describe(config.views)]
    names = drawn_views.names(config)
    tile, block = _TILE + _GAP, len(names) * (_TILE + _GAP) + _GAP
    columns = max(1, _TILES // len(names))
    below = _LINE + -(-_IMAGES // columns) * tile + _GAP
    size = columns * block + _GAP, below + _LINE * len(caption) + _GAP
    picture = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(13)
    for place, shown in enumerate(drawn_views.of_run(run, _IMAGES)):
        row, column = divmod(place, columns)
        for index, pixels in enumerate(shown):
            corner = _GAP + column * block + index * tile, _LINE + row * tile
            picture.paste(_thumbnail(pixels), corner)
    for column in range(columns):
        for index, name in enumerate(names):
            pen.text((_GAP + column * block + index * tile, 1), name, "black", font)
    for index, line in enumerate(caption):
        pen.text((_GAP, below + index * _LINE), line, "black", font)
    picture.save(output)


def _thumbnail(pixels):
    """A PIL image whose longer side is a tile's; small ones keep their pixels sharp."""
    image = Image.fromarray(pixels)
    scale = _TILE / max(image.size)
    size = [max(1, round(scale * side)) for side in image.size]
    sharp = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS
    return image.resize(size, sharp)


def describe(views):
    """The parameters of the views in lines of text, once where both are the same."""
    # Of recordings, both views have one spec.
    pair = (views.view_a, views.view_b) if "view_a" in views else (views, views)
    texts = [_parameters(view) for view in pair]
    if texts[0] == texts[1]:
        texts = [f"both views: {texts[0]}"]
    else:
        texts = [f"view {x}: {text}" for x, text in zip("ab", texts, strict=True)]
    further = views.get("further_views")
    if further and further.count:
        texts.append(f"further views, else as view a: {_parameters(further)}")
    return [line for text in texts for line in textwrap.wrap(text, _COLUMNS)]


def _parameters(view):
    known = {key: value for key, value in view.to_dict().items() if value is not None}
    return ", ".join(f"{key} {_short(value)}" for key, value in known.items())


def _short(value):
    if isinstance(value, (tuple, list)):
        return "-".join(f"{number:.3g}" for number in value)
    return value if isinstance(value, str) else f"{value:.3g}"


if __name__ == "__main__":
    cli.main("views")
