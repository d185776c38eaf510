"""Embeds image files with an exported model, or with a server that holds one.

    keras-twins embed --model_dir=DIR/embedder PATH... --output=embeddings.npz
    keras-twins embed --server=http://localhost:8501 PATH... --output=e.parquet

A PATH is a file, or a folder that is searched for images, subfolders included. With a
server over REST (http://, https://) TensorFlow is not needed.
"""

from pathlib import Path

import numpy as np
from absl import flags as absl_flags
from absl import logging
from tqdm import tqdm

from keras_twins.collection import write
from keras_twins.collection.files import check_output
from keras_twins.commands import cli
from keras_twins.commands.startup import start_tensorflow
from keras_twins.decode import errors
from keras_twins.decode.host import IMAGE_SUFFIXES
from keras_twins.errors import InputError
from keras_twins.export.signatures import IMAGE_BYTES, SERVING_DEFAULT
from keras_twins.export.versions import newest_version
from keras_twins.serving.client import EmbeddingClient, ServerError
from keras_twins.serving.client_images import ImageError, encode

TAKES_PATHS = True

_VALUES_PRINTED = 4


def define_flags(flags):
    absl_flags.DEFINE_string(
        "model_dir",
        None,
        "Folder of an exported model; its newest version is used.",
        flag_values=flags,
    )
    absl_flags.DEFINE_string(
        "server",
        None,
        "Instead of --model_dir: http://host:8501, https://, grpc://host:8500 or "
        "grpcs:// of a server that holds the model.",
        flag_values=flags,
    )
    absl_flags.DEFINE_string(
        "model_name",
        "embedder",
        "The model's name at the --server.",
        flag_values=flags,
    )
    absl_flags.DEFINE_string(
        "output",
        None,
        "File to write: .npz (arrays `paths` and `embeddings`), .parquet (columns "
        "`path` and `embedding`) or .npy (paths beside it). Without it, the first "
        "values are printed.",
        flag_values=flags,
    )
    absl_flags.DEFINE_integer(
        "batch_size",
        32,
        "Images embedded at a time.",
        lower_bound=1,
        flag_values=flags,
    )


def main(flags, paths):
    output = Path(flags.output) if flags.output else None
    if output is not None:
        try:
            check_output(output)
        except InputError as error:
            raise InputError(f"--output={error}") from error
    if bool(flags.model_dir) == bool(flags.server):
        raise InputError(
            "expected one of --model_dir, an exported model's folder, and --server"
        )
    version = newest_version(flags.model_dir) if flags.model_dir else None
    files = find_images(paths)
    # A line for every request would tear the bar.
    logging.set_verbosity(logging.WARNING)
    if version is None:
        batches = _embed_at_server(flags, files)
    else:
        start_tensorflow(keras=False)
        batches = embed_files(load(version), files, flags.batch_size)
    batches = _with_bar(batches, len(files))
    if output is None:
        print_embeddings(files, np.concatenate(list(batches)))
        return
    count, width = write(output, batches, paths=files)
    by = version or flags.server
    print(f"{count} embeddings of width {width} by {by} are in {output}")


def find_images(paths):
    """Lists the images among files and folders, in a reproducible order.

    Args:
        paths: list of str. A file is taken whatever its name; a folder is searched
            for `IMAGE_SUFFIXES`, subfolders included.

    Returns:
        list of `pathlib.Path`, at least one.

    Raises:
        InputError: if a path does not exist or no image is found.
    """
    files = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = (f for f in path.rglob("*") if f.suffix.lower() in IMAGE_SUFFIXES)
            files.extend(sorted(f for f in inside if f.is_file()))
        elif path.exists():
            files.append(path)
        else:
            raise InputError(
                f"{str(path)!r} does not exist; expected an image or folder"
            )
    if not files:
        where = "in " + ", ".join(map(repr, paths)) if paths else "was named"
        suffixes = ", ".join(IMAGE_SUFFIXES)
        raise InputError(f"no image {where}; expected files ending in {suffixes}")
    return files


def load(version_dir):
    """Loads the function that embeds encoded images.

    Args:
        version_dir: path of one version of an exported model.

    Returns:
        Callable from a list of encoded images to a float32 array `(count, width)`.

    Raises:
        InputError: if the folder holds no model or one of another kind.
    """
    import tensorflow as tf  # After `start_tensorflow`, as what follows.

    from keras_twins.export.loading import load_function  # It imports TensorFlow.

    function = load_function(version_dir, SERVING_DEFAULT, IMAGE_BYTES)
    return lambda encoded: function(tf.constant(encoded)).numpy()


def embed_files(embed, files, batch_size):
    """Embeds image files in batches.

    Args:
        embed: as `load` gives.
        files: list of paths.
        batch_size: int.

    Yields:
        float32 arrays `(batch, width)`.

    Raises:
        ImageError: naming the file that cannot be read or is not an image.
    """
    for start in range(0, len(files), batch_size):
        yield _embed_batch(embed, start, files[start : start + batch_size])


def print_embeddings(files, embeddings):
    for file, embedding in zip(files, embeddings, strict=True):
        values = " ".join(f"{value:+.4f}" for value in embedding[:_VALUES_PRINTED])
        print(f"{file}  {values} ...")
    print(
        f"{len(files)} embeddings of width {embeddings.shape[1]}; "
        "--output=embeddings.npz (or .parquet) saves them whole."
    )


def _embed_batch(embed, start, files):
    import tensorflow as tf  # After `start_tensorflow`.

    encoded = [encode(start + n, file) for n, file in enumerate(files)]
    try:
        return embed(encoded)
    except tf.errors.InvalidArgumentError as error:
        # A decoder's message does not say which picture of the batch it met.
        if len(files) > 1:
            alone = [_embed_batch(embed, start + n, [f]) for n, f in enumerate(files)]
            return np.concatenate(alone)
        raise ImageError(start, files[0], errors.reason(error.message)) from error


def _embed_at_server(flags, files):
    if flags.server.startswith("grpc"):
        # The stubs of TensorFlow Serving import it.
        start_tensorflow(keras=False)
    with EmbeddingClient(
        flags.server, flags.model_name, batch_size=flags.batch_size
    ) as client:
        try:
            yield from client.embed_batches(files)
        except ServerError as error:
            raise InputError(f"--server={error}") from error


def _with_bar(batches, total):
    with tqdm(total=total, unit="image", desc="embed") as bar:
        for batch in batches:
            bar.update(len(batch))
            yield batch


if __name__ == "__main__":
    cli.main("embed")
