"""`keras-twins neighbours`: the images that are nearest to query images.

    keras-twins neighbours photo.jpg --workdir=runs/mine
    keras-twins neighbours a.jpg b.jpg --embeddings=embeddings.npz
    keras-twins neighbours new.jpg --embeddings=embeddings.npz --model_dir=DIR/embedder

With a run, among its training images, by its encoder. With a file that `keras-twins
embed` wrote, among the images of that file; the model that wrote it embeds a query
that is not one of them.
"""

import os
import pathlib

import numpy as np
from absl import flags as absl_flags
from PIL import Image, ImageDraw, ImageFont

from keras_twins import collection, pictures, progress
from keras_twins.commands import cli, embeddings_file, shared_flags
from keras_twins.commands.startup import start_tensorflow
from keras_twins.decode import errors
from keras_twins.errors import InputError
from keras_twins.export.versions import newest_version
from keras_twins.runs.workdir import Workdir
from keras_twins.serving import client_images, local

TAKES_PATHS = True

_TILE = 128  # pixels
_GAP = 8
_LINE = 18
_QUERIES_AT_A_TIME = 32


def define_flags(flags):
    shared_flags.define_workdir(flags, required=False)
    absl_flags.DEFINE_string(
        "embeddings", None, "What `keras-twins embed` wrote.", flag_values=flags
    )
    absl_flags.DEFINE_string(
        "model_dir",
        None,
        "With --embeddings: folder of the exported model that wrote them. It embeds "
        "the queries that are not among them.",
        flag_values=flags,
    )
    absl_flags.DEFINE_integer(
        "k", 12, "How many neighbours.", lower_bound=1, flag_values=flags
    )
    absl_flags.DEFINE_string(
        "output", "neighbours.png", "The picture, a PNG file.", flag_values=flags
    )


def main(flags, paths):
    if not paths:
        raise InputError("expected one query image or more. Received: none")
    if bool(flags.workdir) == bool(flags.embeddings):
        raise InputError("expected --workdir or --embeddings, and not both")
    if flags.model_dir and not flags.embeddings:
        raise InputError(f"--model_dir={flags.model_dir} needs --embeddings")
    queries = [pathlib.Path(path) for path in paths]
    output = shared_flags.check_output(flags.output, ".png")
    if flags.workdir:
        found = of_run(flags.workdir, queries, flags.k, verbose=1)
    else:
        found = of_file(flags.embeddings, queries, flags.k, flags.model_dir)
    for query, *near in found:
        if len(found) > 1:
            print(query[0])
        for place, (name, similarity, _) in enumerate(near, 1):
            print(f"{place:>3}  {similarity:+.4f}  {name}")
    draw(found, output)
    names = ", ".join(query.name for query in queries)
    each = " of each" if len(found) > 1 else ""
    print(f"{output}: {names} and the {len(found[0]) - 1} nearest images{each}")


def of_run(folder, queries, k, verbose=0):
    """The training images of a run that are nearest to some queries.

    Args:
        folder: str, a workdir.
        queries: list of paths of images.
        k: int, how many.
        verbose: 0 or 1, whether to show progress.

    Returns:
        list with a list for each query: `(name, cosine similarity, pixels)` of the
        query and then of its neighbours; pixels in 0..255, `(height, width, 3)`.

    Raises:
        InputError: for a run without an encoder, a query that is not an image, or
            embeddings that are not finite.
    """
    workdir = Workdir(folder)
    workdir.check_ended()  # Said before TensorFlow starts.
    for query in queries:
        _check_exists(query)
    start_tensorflow()
    # They import TensorFlow.
    from keras_twins import evaluation
    from keras_twins.augment.prepare import resize_and_crop
    from keras_twins.evaluation.checks import check_features
    from keras_twins.runs import images
    from keras_twins.runs.run import Run

    run = Run.read(workdir)
    encoder = run.trained_encoder()
    size, resize = run.config.evaluation.image_size, run.config.evaluation.resize
    pixels = [
        resize_and_crop(_read(query, run.levels), size, resize).numpy()
        for query in queries
    ]
    trained = images.open_images(run, run.config.train_split)
    features, labels = evaluation.embed(encoder, trained.batches, verbose=verbose)
    check_features("training", features)
    embedded = np.asarray(encoder(np.stack(pixels), training=False))
    with progress.stage("searching, and reading what was found", shown=bool(verbose)):
        rows, similarities = collection.Neighbours(features).search(
            embedded, min(k, len(features))
        )
        found = _pixels_of(trained.batches, rows.ravel())
    classes = pictures.names(labels, trained.class_names, len(features))
    return [
        [(query.name, 1.0, shown)]
        + [
            (_name(trained, row, classes[row]), float(similarity), found[row])
            for row, similarity in zip(near, cosines, strict=True)
        ]
        for query, shown, near, cosines in zip(
            queries, pixels, rows, similarities, strict=True
        )
    ]


def of_file(path, queries, k, model_dir=None):
    """The images of a file of embeddings that are nearest to some queries.

    Args:
        path: path of a file of `keras-twins embed`.
        queries: list of paths of images. Those that stand in the file, under any
            spelling of the path, are not embedded again.
        k: int, how many.
        model_dir: path of the exported model that embeds the other queries. Defaults
            to None: there may be none.

    Returns:
        As `of_run`; a query is not its own neighbour.

    Raises:
        InputError: for a file without embeddings and paths, a query that it does not
            have where there is no model, a model of another width, or embeddings that
            are not finite.
    """
    read = embeddings_file.read(path)
    rows_of = {os.path.abspath(name): row for row, name in enumerate(read.paths)}
    own = np.array([rows_of.get(os.path.abspath(query), -1) for query in queries])
    others = [query for query, row in zip(queries, own, strict=True) if row < 0]
    if others and not model_dir:
        raise InputError(
            f"{others[0]} is not one of the {len(read.paths)} images of "
            f"--embeddings={path}: give --model_dir or --workdir"
        )
    embedder = newest_version(model_dir) if others else None
    for query in queries:
        _check_exists(query)
    start_tensorflow()
    try:
        searched = collection.Neighbours(read.embeddings)
    except InputError as error:
        raise InputError(f"--embeddings={path}: {error}") from error
    embedded = read.embeddings[own]
    if embedder is not None:
        embedded[own < 0] = _embed(embedder, others, embedded.shape[1], path)
    with progress.stage(f"searching {len(read.paths):,} embeddings"):
        rows, similarities = searched.search(embedded, min(k + 1, len(read.paths)))
    found = []
    for query, own_row, near, cosines in zip(
        queries, own, rows, similarities, strict=True
    ):
        shown = [
            (read.paths[row], float(cosine), _read(pathlib.Path(read.paths[row])))
            for row, cosine in zip(near, cosines, strict=True)
            if row != own_row
        ]
        found.append([(str(query), 1.0, _read(query)), *shown[:k]])
    return found


def _embed(embedder, queries, width, path):
    """The embeddings of query images, if they have the width of those in a file."""
    with progress.stage(f"neighbours: loading {embedder}"):
        embedded = local.ExportedModel(embedder, _QUERIES_AT_A_TIME).embed(queries)
    if embedded.shape[1] != width:
        raise InputError(
            f"{embedder} gives embeddings of width {embedded.shape[1]}; those of "
            f"--embeddings={path} have a width of {width}"
        )
    return embedded


def draw(found, output):
    """Draws queries and their neighbours with their similarities, a row for each query.

    Args:
        found: as `of_run` gives.
        output: path of the PNG file.
    """
    tile = _TILE + _GAP
    across = max(map(len, found))
    size = _GAP + across * tile, _GAP + len(found) * (tile + _LINE)
    sheet = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for row, shown in enumerate(found):
        for column, (_, similarity, pixels) in enumerate(shown):
            corner = _GAP + column * tile, _GAP + row * (tile + _LINE)
            sheet.paste(pictures.thumbnail(np.asarray(pixels), _TILE), corner)
            text = f"{similarity:.3f}" if column else "query"
            pen.text((corner[0], corner[1] + _TILE), text, "black", font)
    sheet.save(output)


def _check_exists(path):
    if not path.is_file():
        raise InputError(f"{str(path)!r} does not exist; expected an image")


def _read(path, levels=None):
    """The pixels of an image file, uint8 `(height, width, 3)`."""
    import tensorflow as tf  # After `start_tensorflow`, as what follows.

    from keras_twins.decode.images import ImageDecoder  # It imports TensorFlow.

    _check_exists(path)
    encoded = client_images.encode(0, path)
    try:
        return ImageDecoder(levels).decode(encoded, path.name).numpy()
    except tf.errors.OpError as error:
        raise InputError(f"{path} {errors.reason(error.message)}") from error


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
    cli.main("neighbours")
