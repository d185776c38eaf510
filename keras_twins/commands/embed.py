"""Embeds images or recordings with an exported model, or a server that holds one.

    keras-twins embed --model_dir=DIR/embedder PATH... --output=embeddings.npz
    keras-twins embed --server=http://localhost:8501 PATH... --output=embeddings/
    keras-twins embed --model_dir=DIR/embedder s3://bucket/photos --output=e/ --ray=auto
    keras-twins embed --model_dir=DIR/sounds PATH... --output=e.parquet --window_ms=1000

A PATH is a file, or a folder that is searched for what the model takes, subfolders
included; also on an object store, by s3:// or gs://. A file that cannot be read is
skipped, and listed in embeddings.skipped.csv. If the command is stopped, the same
command goes on; later on it embeds only what is new or has changed. With a server over
REST (http://, https://) TensorFlow is not needed. --ray shares the work out among the
machines of a Ray cluster. With --window_ms a recording has an embedding for each of its
parts, not one in all; that does not go on where it was stopped.
"""

import functools
import itertools
import time
from pathlib import Path

from absl import flags as absl_flags
from absl import logging

from keras_twins import listing, progress
from keras_twins.collection import bulk, images, windows
from keras_twins.collection.bulk import Output
from keras_twins.collection.files import check_output
from keras_twins.collection.shards import ROWS
from keras_twins.commands import cli, shared_flags
from keras_twins.commands.startup import start_tensorflow
from keras_twins.decode import sound_windows
from keras_twins.errors import InputError
from keras_twins.export.versions import newest_version
from keras_twins.serving import local, model_input
from keras_twins.serving.client import EmbeddingClient, EmbeddingError, ServerError
from keras_twins.serving.ray_workers import open_workers

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
        "Files embedded at a time.",
        lower_bound=1,
        flag_values=flags,
    )
    absl_flags.DEFINE_string(
        "files_from",
        None,
        "File that lists further PATHs: a text file with one per line, or a .parquet "
        "file with a column `path`.",
        flag_values=flags,
    )
    absl_flags.DEFINE_string(
        "ray",
        None,
        "Embed on a Ray cluster: `local` for this machine, `auto` for the cluster that "
        "runs here, or its address, ray://host:10001.",
        flag_values=flags,
    )
    absl_flags.DEFINE_integer(
        "window_ms",
        None,
        "Embed windows of recordings, of so many milliseconds each. --output is a .npz "
        "or .parquet file with the columns `start_ms` and `end_ms` then.",
        lower_bound=1,
        flag_values=flags,
    )
    absl_flags.DEFINE_integer(
        "hop_ms",
        None,
        "Milliseconds from one window to the next; without it, --window_ms.",
        lower_bound=1,
        flag_values=flags,
    )


def main(flags, paths):
    output = parse_output(flags.output) if flags.output else None
    shared_flags.check_model(flags)
    if flags.ray and not (flags.model_dir and flags.output):
        raise InputError("--ray needs --model_dir and --output")
    _check_windows(flags)
    if flags.files_from:
        paths = itertools.chain(paths, images.names_in(flags.files_from))
    utf_8 = output is not None and output.is_parquet
    search = functools.partial(images.Search, paths, utf_8)
    # Python's warnings and TensorFlow's would stand between the lines of a user.
    logging.set_verbosity(logging.WARNING)
    if flags.model_dir:
        version = newest_version(flags.model_dir)
        takes, model = model_input.of_version(version), local.describe(version)
        opened = functools.partial(_loaded, version, flags.batch_size)
        if flags.ray:
            opened = functools.partial(
                open_workers, flags.ray, version, model, flags.batch_size
            )
        _embed(flags, output, search, takes, model, opened)
        return
    if flags.server.startswith("grpc"):
        start_tensorflow(keras=False)  # The stubs of TensorFlow Serving import it.
    with EmbeddingClient(
        flags.server, flags.model_name, batch_size=flags.batch_size
    ) as client:
        try:
            opened = functools.partial(_checked, client, flags.server)
            _embed(flags, output, search, client.input(), client.model(), opened)
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


def _check_windows(flags):
    """Refuses flags that do not go with windows."""
    if not flags.window_ms:
        if flags.hop_ms:
            raise InputError(f"--hop_ms={flags.hop_ms} needs --window_ms")
        return
    if flags.ray:
        raise InputError("--window_ms works on this machine alone, without --ray")
    if not flags.output or Path(flags.output).suffix not in windows.SUFFIXES:
        raise InputError(
            f"--window_ms={flags.window_ms} needs an --output that ends in "
            f"{' or '.join(windows.SUFFIXES)}"
        )


def _loaded(version, batch_size):
    start_tensorflow(keras=False)
    with progress.stage(f"embed: loading {version}"):
        return local.ExportedModel(version, batch_size)


def _checked(client, url):
    """A client whose server embeds: else all files would be skipped, one by one."""
    takes = client.input()
    try:
        client.embed([takes.plain])
    except EmbeddingError as error:
        raise InputError(
            f"--server={url} refuses a plain {takes.modality.word}, so it would refuse "
            f"every file: {error.reason}"
        ) from error
    return client


def _embed(flags, output, search, takes, model, opened):
    found = search(takes.modality)
    if flags.window_ms:
        _embed_windows(flags, output, found, takes, opened)
        return
    open_embed = opened if flags.ray else lambda: bulk.by(opened())
    files = _listed(found)
    if output is None:
        print_embeddings(files, found.left_out, open_embed, flags.strict)
        return
    began = time.monotonic()
    written = bulk.write(output, files, found.left_out, model, open_embed, flags.strict)
    by = flags.server or model.name
    where = output.file or f"{output.folder}/"
    print(
        f"{written.embeddings} embeddings of width {written.width} by {by} are in "
        f"{where}"
    )
    if flags.ray and written.new:
        print(rates(written.new, time.monotonic() - began, written.nodes))
    _say_skipped(written.skipped, written.total, output)


def _embed_windows(flags, output, found, takes, opened):
    if not isinstance(takes, model_input.SoundInput):
        raise InputError(
            f"--window_ms={flags.window_ms} is for recordings; the model takes "
            f"{takes.modality.plural}"
        )
    hop_ms = flags.hop_ms or flags.window_ms
    cut = sound_windows.Windows(takes.rate, flags.window_ms, hop_ms)
    files = _listed(found)
    written = windows.write(output, files, found.left_out, opened(), cut, flags.strict)
    print(
        f"{written.embeddings:,} embeddings of width {written.width}, of "
        f"{listing.counted(written.total, 'file')}, are in {output.file}"
    )
    _say_skipped(written.skipped, written.total, output)


def _say_skipped(skipped, total, output):
    if not skipped:
        return
    count = sum(times for _, times in skipped)
    print(f"{count:,} of {total:,} files are skipped; {output.skipped} lists them:")
    for reason, times in skipped:
        print(f"{times:>8,}  {reason}")


def rates(count, seconds, nodes):
    """How fast files were embedded, together and per machine of a cluster.

    Examples:
        >>> from keras_twins.commands import embed
        >>> embed.rates(1200, 10.0, 2)
        '1,200 files in 10 s: 120/s on 2 nodes, 60/s per node'
    """
    rate = count / seconds
    return (
        f"{count:,} files in {seconds:.0f} s: {rate:.3g}/s on "
        f"{listing.counted(nodes, 'node')}, {rate / nodes:.3g}/s per node"
    )


def _listed(found):
    """The files of a search, and at its end a line on what was ignored."""
    yield from found
    if found.ignored:
        progress.say(f"embed: {listing.say_ignored(found.ignored)}")


def print_embeddings(files, left_out, open_embed, strict=False):
    """Prints the first values of embeddings, and on stderr why others have none.

    Args:
        files, left_out, open_embed, strict: as of `keras_twins.collection.bulk.write`.

    Raises:
        InputError: if no file has an embedding.
    """
    files = list(dict.fromkeys(files))
    groups = (files[start : start + ROWS] for start in range(0, len(files), ROWS))
    count, width = 0, 0
    with open_embed() as embed:
        for part in embed(groups, strict, lambda done: None):
            for file, row in zip(part.files, part.rows, strict=True):
                values = " ".join(f"{value:+.4f}" for value in row[:_VALUES_PRINTED])
                print(f"{file.path}  {values} ...")
            count, width = count + len(part.files), max(width, part.rows.shape[1])
            left_out += part.left_out
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
