"""Shows a collection on a live page: its map, what is alike, and labels.

    keras-twins explore --embeddings=embeddings.npz --model_dir=DIR/embedder

It prints the address of the page, which only this machine can open, and runs until
Ctrl-C. The map is made once and kept beside the embeddings. Labels are written to a
table (path, label) at once; no other file of yours is changed. With --model_dir, the
page also finds what is near a picture that you drop on it.
"""

import importlib.util
import os
import pathlib

from absl import flags as absl_flags

from keras_twins import collection, listing, progress
from keras_twins.commands import cli, embeddings_file
from keras_twins.commands.startup import start_tensorflow
from keras_twins.errors import InputError
from keras_twins.export.versions import newest_version
from keras_twins.serving import addresses

_HOST = "127.0.0.1"


def define_flags(flags):
    absl_flags.DEFINE_string(
        "embeddings",
        None,
        "What `keras-twins embed` wrote: a file, or a folder of shards.",
        flag_values=flags,
    )
    absl_flags.mark_flag_as_required("embeddings", flags)
    absl_flags.DEFINE_string(
        "model_dir",
        None,
        "Folder of the exported model that wrote them. It embeds pictures that are "
        "dropped on the page.",
        flag_values=flags,
    )
    absl_flags.DEFINE_string(
        "labels",
        None,
        "The table of labels, a CSV file. Defaults to labels.csv beside the "
        "embeddings.",
        flag_values=flags,
    )
    absl_flags.DEFINE_string(
        "selected",
        None,
        "What `keras-twins select` wrote; the page marks these files.",
        flag_values=flags,
    )
    absl_flags.DEFINE_integer(
        "port",
        0,
        "Port of the page; 0 takes any that is free.",
        lower_bound=0,
        upper_bound=65_535,
        flag_values=flags,
    )


def main(flags, paths):
    for package in ("aiohttp", "plotly"):
        if importlib.util.find_spec(package) is None:
            raise InputError(
                f"the page needs {package}: pip install 'keras-twins[explore]'"
            )
    bound = addresses.bind("--port", _HOST, flags.port)
    with bound:
        data = open_data(flags)
        # It needs the extra.
        from keras_twins.explore import server

        bound.listen()  # From now on, a browser waits instead of being refused.
        address = f"http://{_HOST}:{bound.getsockname()[1]}/"
        print(f"{address} shows the page; Ctrl-C stops", flush=True)
        server.serve(data, bound)


def open_data(flags):
    """Opens what the flags name, and says what of it is missing.

    Returns:
        `keras_twins.explore.data.Data`.

    Raises:
        InputError: naming the flag, for what cannot be used.
    """
    path = pathlib.Path(os.path.abspath(flags.embeddings))
    found = embeddings_file.read(flags.embeddings)
    version = newest_version(flags.model_dir) if flags.model_dir else None
    start_tensorflow(keras=False)
    # They import TensorFlow.
    from keras_twins.explore import layout, model
    from keras_twins.explore.data import Data, rows_of
    from keras_twins.explore.labels import Labels, read_table

    try:
        searched = collection.Neighbours(found.embeddings)
    except InputError as error:
        raise InputError(f"--embeddings={flags.embeddings}: {error}") from error
    labels = Labels(flags.labels or path.with_name("labels.csv"), found.paths)
    _say(labels.unknown, "row", f"of {labels.path} without an embedding; kept")
    selected = []
    if flags.selected:
        if not os.path.exists(flags.selected):
            raise InputError(f"--selected={flags.selected} does not exist")
        table = read_table("--selected", flags.selected, ("path",))
        selected, unknown = rows_of(found.paths, table.column("path"))
        _say(unknown, "row", f"of {flags.selected} without an embedding")
    with progress.stage(f"explore: looking for {len(found.paths):,} files"):
        missing = sum(not os.path.exists(name) for name in found.paths)
    _say(missing, "file", "no longer there; shown without pictures")
    embed = None
    if version:
        with progress.stage(f"explore: loading {version}"):
            embed = model.load(version, found.embeddings, found.paths)
    kept = path.with_name(f"{path.name}.map.npz")
    points, method, key = layout.read_or_make(found.embeddings, kept)
    print(
        f"{listing.counted(len(points), 'file')}; the map is {method}, kept in {kept}"
    )
    return Data(path.name, found, points, key, searched, labels, selected, embed)


def _say(count, what, then):
    if count:
        print(f"{listing.counted(count, what)} {then}")


if __name__ == "__main__":
    cli.main("explore")
