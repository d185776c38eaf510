"""`keras-twins neighbours`: the images that are nearest to a query image.

    keras-twins neighbours photo.jpg --workdir=runs/mine
    keras-twins neighbours photo.jpg --embeddings=embeddings.npz

With a run, among its training images, by its encoder. With a file that `keras-twins
embed` wrote, among the images of that file, of which the query must be one.
"""

import os
import pathlib
import sys

import numpy as np
from absl import flags

from keras_twins import cli
from keras_twins.errors import InputError

cli.define(flags.DEFINE_string, "workdir", None, "Folder of a run that has ended.")
flags.DEFINE_string("embeddings", None, "What `keras-twins embed` wrote.")
flags.DEFINE_integer("k", 12, "How many neighbours.", lower_bound=1)
cli.define(flags.DEFINE_string, "output", "neighbours.png", "The picture, a PNG file.")

FLAGS = flags.FLAGS

_TILE = 128  # pixels
_GAP = 8
_LINE = 18
_ACROSS = 5


def main(argv):
    if len(argv) != 2:
        raise InputError(f"expected one query image. Received: {len(argv) - 1}")
    if bool(FLAGS.workdir) == bool(FLAGS.embeddings):
        raise InputError("expected --workdir or --embeddings, and not both")
    query, output = pathlib.Path(argv[1]), pathlib.Path(FLAGS.output)
    if output.suffix.lower() != ".png":
        raise InputError(f"--output={output} is no .png file")
    if not output.absolute().parent.is_dir():
        raise InputError(f"--output={output}: there is no such folder")
    if FLAGS.workdir:
        shown = of_run(FLAGS.workdir, query, FLAGS.k, int(sys.stdout.isatty()))
    else:
        shown = of_file(pathlib.Path(FLAGS.embeddings), query, FLAGS.k)
    for place, (name, similarity, _) in enumerate(shown[1:], 1):
        print(f"{place:>3}  {similarity:+.4f}  {name}")
    draw(shown, output)
    print(f"{output}: {query.name} and the {len(shown) - 1} nearest images")


main.takes_paths = True


def of_run(folder, query, k, verbose=0):
    """The training images of a run that are nearest to a query.

    Args:
        folder: str, a workdir.
        query: path of an image.
        k: int, how many.
        verbose: 0 or 1, whether to show progress.

    Returns:
        list of `(name, cosine similarity, pixels)`, the query first; pixels in 0..255,
        `(height, width, 3)`.

    Raises:
        InputError: for a run without an encoder, a query that is no image, or
            embeddings that are not finite.
    """
    from keras_twins.workdir import Workdir

    workdir = Workdir(folder)
    config = workdir.read_config()
    _check_exists(query)
    cli.start_tensorflow()
    from keras_twins import evaluation
    from keras_twins.augment.prepare import resize_and_crop
    from keras_twins.evaluation.checks import check_features
    from keras_twins.report import embedding_map, images, pictures

    encoder = workdir.read_encoder()
    size, resize = config.evaluation.image_size, config.evaluation.resize
    pixels = resize_and_crop(_read(query), size, resize).numpy()
    collection = images.open_images(config, config.train_split)
    features, labels = evaluation.embed(encoder, collection.batches, verbose=verbose)
    check_features("training", features)
    queries = np.asarray(encoder(pixels[None], training=False))
    rows, similarities = embedding_map.nearest(queries, features, min(k, len(features)))
    classes = pictures.names(labels, collection.class_names, len(features))
    found = _pixels_of(collection.batches, rows[0])
    return [(query.name, 1.0, pixels)] + [
        (_name(collection, row, classes[row]), float(similarity), found[row])
        for row, similarity in zip(rows[0], similarities[0], strict=True)
    ]


def of_file(path, query, k):
    """The images of a file of embeddings that are nearest to one of them.

    Args:
        path: path of a `.npz` or `.parquet` file of `keras-twins embed`.
        query: path, as it stands in the file.
        k: int, how many.

    Returns:
        As `of_run`.

    Raises:
        InputError: for a file without embeddings, a query that it does not have, or
            embeddings that are not finite.
    """
    paths, embeddings = read_embeddings(path)
    names = [os.path.abspath(name) for name in paths]
    if os.path.abspath(query) not in names:
        raise InputError(
            f"{query} is none of the {len(paths)} images of --embeddings={path}: embed "
            "it with them, or give --workdir"
        )
    cli.start_tensorflow()
    from keras_twins.evaluation.checks import check_features
    from keras_twins.report import embedding_map

    check_features(str(path), embeddings)
    own = names.index(os.path.abspath(query))
    most = min(k + 1, len(paths))
    rows, similarities = embedding_map.nearest(
        embeddings[own : own + 1], embeddings, most
    )
    near = [
        (row, cosine)
        for row, cosine in zip(rows[0], similarities[0], strict=True)
        if row != own
    ]
    return [(paths[own], 1.0, _read(pathlib.Path(paths[own])))] + [
        (paths[row], float(cosine), _read(pathlib.Path(paths[row])))
        for row, cosine in near[:k]
    ]


def read_embeddings(path):
    """Paths and embeddings of a file that `keras-twins embed` wrote.

    Returns:
        list of str and `(N, D)` array.

    Raises:
        InputError: for a file that is missing or holds something else.
    """
    if path.suffix not in (".npz", ".parquet"):
        raise InputError(f"--embeddings={path}: expected a .npz or .parquet file")
    try:
        if path.suffix == ".npz":
            with np.load(path) as file:
                return [str(name) for name in file["paths"]], file["embeddings"]
        import pyarrow.parquet

        table = pyarrow.parquet.read_table(path, columns=["path", "embedding"])
        embeddings = np.stack(table["embedding"].to_numpy())
        return table["path"].to_pylist(), embeddings
    except Exception as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"--embeddings={path} holds no embeddings of `keras-twins embed`: {reason}"
        ) from error


def draw(shown, output):
    """Draws the query and its neighbours with their similarities.

    Args:
        shown: as `of_run` gives.
        output: path of the PNG file.
    """
    from PIL import Image, ImageDraw, ImageFont

    from keras_twins.report import pictures

    tile = _TILE + _GAP
    across = min(_ACROSS, len(shown))
    down = -(-len(shown) // across)
    size = _GAP + across * tile, _GAP + down * (tile + _LINE)
    sheet = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for place, (_, similarity, pixels) in enumerate(shown):
        row, column = divmod(place, across)
        corner = _GAP + column * tile, _GAP + row * (tile + _LINE)
        sheet.paste(pictures.thumbnail(np.asarray(pixels), _TILE), corner)
        text = f"{similarity:.3f}" if place else "query"
        pen.text((corner[0], corner[1] + _TILE), text, "black", font)
    sheet.save(output)


def _check_exists(path):
    if not path.is_file():
        raise InputError(f"{str(path)!r} does not exist; expected an image")


def _read(path):
    """The pixels of an image file, uint8 `(height, width, 3)`."""
    import tensorflow as tf

    from keras_twins.decode.images import ImageDecoder

    _check_exists(path)
    try:
        return ImageDecoder().read(str(path)).numpy()
    except tf.errors.OpError as error:
        raise InputError(f"{path} cannot be read as an image") from error


def _pixels_of(batches, rows):
    """The images of some rows of a dataset, by row."""
    wanted, found, first = set(int(row) for row in rows), {}, 0
    for batch in batches:
        images = batch[0] if isinstance(batch, tuple) else batch
        here = range(first, first + len(images))
        found |= {row: images[row - first].numpy() for row in wanted & set(here)}
        first += len(images)
        if len(found) == len(wanted):
            break
    return found


def _name(collection, row, label):
    if collection.paths is not None:
        return collection.paths[row]
    return f"{collection.split} image {row}" + (f", class {label}" if label else "")


if __name__ == "__main__":
    cli.run(main)
