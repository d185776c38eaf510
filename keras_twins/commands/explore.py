"""Shows a collection on a live page: its map, what is alike, and labels.

    keras-twins explore --embeddings=embeddings.npz --model_dir=DIR/embedder
    keras-twins explore --workdir=runs/mine

It prints the address of the page, which only this machine can open, and runs until
Ctrl-C. The map is made once and kept beside the embeddings. Labels are written to a
table (path, label) at once; no other file of yours is changed. With --model_dir or
--workdir, the page also finds what is near a picture that you drop on it. Of more than
200,000 files, so many are drawn at random.
"""

import functools
import importlib.util
import os
import pathlib

import numpy as np
from absl import flags as absl_flags

from keras_twins import collection, listing, progress, tables
from keras_twins.commands import cli, embeddings_file
from keras_twins.commands.startup import start_tensorflow
from keras_twins.errors import InputError
from keras_twins.explore.data import Data, rows_of
from keras_twins.explore.labels import Labels
from keras_twins.export.versions import newest_version
from keras_twins.serving import addresses, local, same_model

_HOST = "127.0.0.1"
# What a map of points stays fluid with.
_SHOWN = 200_000


def define_flags(flags):
    embeddings_file.define_flags(flags)
    absl_flags.DEFINE_string(
        "model_dir",
        None,
        "With --embeddings: folder of the exported model that wrote them. It embeds "
        "pictures that are dropped on the page. A run embeds them by itself.",
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
    found, path, load = _open(flags)
    # It takes TensorFlow in, by the package of the map.
    from keras_twins.explore import layout

    selected, unknown = _selected(flags.selected, found.paths)
    total = len(found.paths)
    if total > _SHOWN:
        rows = np.random.default_rng(0).choice(total, _SHOWN, replace=False)
        rows = np.union1d(rows, selected).astype(np.int64)
        found, selected = found.only(rows), np.searchsorted(rows, selected)
    shown = len(found.paths)
    labels = Labels(flags.labels or path.with_name("labels.csv"), found.paths)
    _say(labels.unknown, "row", f"of {labels.path} without a file on the map; kept")
    _say(unknown, "row", f"of {flags.selected} without an embedding")
    with progress.stage(f"explore: looking for {shown:,} files"):
        missing = sum(not os.path.exists(name) for name in found.paths)
    _say(missing, "file", "no longer there; shown without pictures")
    embed = load(found)
    kept = path.with_name(f"{path.name}.map.npz")
    points, method, key = layout.read_or_make(found.embeddings, kept)
    if shown < total:
        print(f"{shown:,} of {total:,} files are shown and searched, drawn at random")
    print(f"{listing.counted(shown, 'file')}; the map is {method}, kept in {kept}")
    searched = collection.Neighbours(found.embeddings)
    return Data(path.name, found, points, key, searched, labels, selected, embed)


def _open(flags):
    """What is shown, the file that holds it, and a function that loads its model.

    The function takes the embeddings that are shown. It gives a function of the bytes
    of a picture that gives its embedding `(1, D)`, or None where there is no model.
    """
    embeddings_file.check_flags(flags)
    if flags.workdir:
        if flags.model_dir:
            raise InputError(f"--model_dir={flags.model_dir} needs --embeddings")
        run = embeddings_file.open_run(flags)
        found = embeddings_file.files_of_run(run)
        return found, run.workdir.embeddings, functools.partial(_encoder_of, run)
    version = newest_version(flags.model_dir) if flags.model_dir else None
    found = embeddings_file.read(flags.embeddings)
    start_tensorflow(keras=False)
    path = pathlib.Path(os.path.abspath(flags.embeddings))
    return found, path, functools.partial(_model_in, version, flags.embeddings)


def _encoder_of(run, found):
    from keras_twins.runs.embedder import RunEmbedder  # It imports TensorFlow.

    embedder = RunEmbedder(run)
    return lambda picture: embedder.embed([picture])


def _model_in(version, embeddings, found):
    if version is None:
        return None
    with progress.stage(f"explore: loading {version}"):
        model = local.ExportedModel(version, batch_size=1)
        same_model.check(model, version, found, f"--embeddings={embeddings}")
    return lambda picture: model.embed([picture])


def _selected(path, paths):
    """The rows of the files that `--selected` names, and how many it has besides."""
    if not path:
        return [], 0
    return rows_of(paths, tables.read("--selected", path, ("path",)).column("path"))


def _say(count, what, then):
    if count:
        print(f"{listing.counted(count, what)} {then}")


if __name__ == "__main__":
    cli.main("explore")
