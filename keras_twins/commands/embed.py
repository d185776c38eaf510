"""Embeds image files with an exported model, or with a server that holds one.

    keras-twins embed --model_dir=DIR/embedder PATH... --output=embeddings.npz
    keras-twins embed --server=http://localhost:8501 PATH... --output=embeddings/

A PATH is a file, or a folder that is searched for images, subfolders included. A file
that cannot be read is skipped, and listed in embeddings.skipped.csv. If the command is
stopped, the same command goes on; later on it embeds only what is new or has changed.
With a server over REST (http://, https://) TensorFlow is not needed.
"""

import functools
from pathlib import Path

from absl import flags as absl_flags
from absl import logging
from PIL import Image

from keras_twins import listing, progress
from keras_twins.collection import bulk, images, skipped
from keras_twins.collection.bulk import Output
from keras_twins.collection.files import check_output
from keras_twins.collection.shards import ROWS
from keras_twins.commands import cli, shared_flags
from keras_twins.commands.startup import start_tensorflow
from keras_twins.errors import InputError
from keras_twins.export.versions import newest_version
from keras_twins.serving import local
from keras_twins.serving.client import EmbeddingClient, ImageError, ServerError

TAKES_PATHS = True

_VALUES_PRINTED = 4
_SKIPPED = ".skipped.csv"


def define_flags(flags):
    shared_flags.define_model(flags)
    absl_flags.DEFINE_string(
        "output",
        None,
        "File to write: .npz (arrays `paths` and `embeddings`), .parquet (columns "
        "`path` and `embedding`) or .npy (paths beside it); or a folder of .parquet "
        "files, by a name that ends in /. Without it, the first values are printed.",
        flag_values=flags,
    )
    absl_flags.DEFINE_boolean(
        "strict",
        False,
        "Stop at the first file that cannot be read.",
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
    output = parse_output(flags.output) if flags.output else None
    shared_flags.check_model(flags)
    version = newest_version(flags.model_dir) if flags.model_dir else None
    with progress.stage("embed: listing files"):
        found, ignored = images.find(paths)
        files, unreadable = images.look_at(found)
    if output is not None and output.is_parquet:
        files, unnamed = images.named_in_utf_8(files)
        unreadable += unnamed
    if ignored:
        progress.say(f"embed: {listing.say_ignored(ignored)}")
    # Python's warnings and TensorFlow's would stand between the lines of a user.
    logging.set_verbosity(logging.WARNING)
    if version is not None:
        opened = functools.partial(_load, version, flags.batch_size)
        _embed(flags, output, files, unreadable, local.describe(version), opened)
        return
    if flags.server.startswith("grpc"):
        start_tensorflow(keras=False)  # The stubs of TensorFlow Serving import it.
    with EmbeddingClient(
        flags.server, flags.model_name, batch_size=flags.batch_size
    ) as client:
        try:
            opened = functools.partial(_checked, client, flags.server)
            _embed(flags, output, files, unreadable, client.model(), opened)
        except ServerError as error:
            raise InputError(f"--server={error}") from error


def parse_output(text):
    """The `Output` of a name: of a file, or of a folder: with a / or without a suffix.

    Raises:
        InputError: for a name that is neither, or in a folder that does not exist.
    """
    path = Path(text)
    if not text.endswith("/") and path.suffix:
        try:
            check_output(path)
        except InputError as error:
            raise InputError(f"--output={error}") from error
        return Output(path, path.with_suffix(".shards"), path.with_suffix(_SKIPPED))
    if not path.name or not path.parent.is_dir() or path.is_file():
        raise InputError(f"--output={text}: expected a folder in a folder that exists")
    return Output(None, path, path.with_name(path.name + _SKIPPED))


def _load(version, batch_size):
    start_tensorflow(keras=False)
    with progress.stage(f"embed: loading {version}"):
        return local.ExportedModel(version, batch_size)


def _checked(client, url):
    """A client whose server embeds: else all files would be skipped, one by one."""
    try:
        client.embed([Image.new("RGB", (64, 64))])
    except ImageError as error:
        raise InputError(
            f"--server={url} refuses a plain picture, so it would refuse every file: "
            f"{error.reason}"
        ) from error
    return client


def _embed(flags, output, files, unreadable, model, open_embedder):
    if flags.strict and unreadable:
        raise InputError("{}: {}".format(*unreadable[0]))
    if output is None:
        print_embeddings(files, unreadable, open_embedder(), flags.strict)
        return
    count, width, left_out = bulk.write(
        output, files, unreadable, model, open_embedder, flags.strict
    )
    by = flags.server or model.name
    where = output.file or f"{output.folder}/"
    print(f"{count} embeddings of width {width} by {by} are in {where}")
    if left_out:
        print(
            f"{len(left_out):,} of {len(files) + len(unreadable):,} files are skipped; "
            f"{output.skipped} lists them:"
        )
        for reason, times in skipped.count(left_out):
            print(f"{times:>8,}  {reason}")


def print_embeddings(files, unreadable, embedder, strict=False):
    """Prints the first values of embeddings, and on stderr why others have none.

    Args:
        files, unreadable, strict: as of `keras_twins.collection.bulk.write`.
        embedder: `keras_twins.serving.embedder.Embedder`.

    Raises:
        InputError: if no file has an embedding.
    """
    left_out, count, width = list(unreadable), 0, 0
    for start in range(0, len(files), ROWS):
        paths = [file.path for file in files[start : start + ROWS]]
        rows, errors = bulk.embed_shard(embedder, paths, strict)
        without = {error.index for error in errors}
        named = (path for i, path in enumerate(paths) if i not in without)
        for path, row in zip(named, rows, strict=True):
            values = " ".join(f"{value:+.4f}" for value in row[:_VALUES_PRINTED])
            print(f"{path}  {values} ...")
            count, width = count + 1, len(row)
        left_out += [(error.name, error.reason) for error in errors]
    for path, reason in left_out:
        progress.say(f"skipped {path}: {reason}")
    if not count:
        raise InputError(f"none of {len(left_out)} files has an embedding")
    print(
        f"{count} embeddings of width {width}; "
        "--output=embeddings.npz (or .parquet) saves them whole."
    )


if __name__ == "__main__":
    cli.main("embed")
