"""The embeddings of a run's images or recordings, made once and kept in its folder."""

import contextlib
import hashlib
import json
import os
import pathlib
import tempfile

import numpy as np

from keras_twins import evaluation, files, pictures
from keras_twins.collection import read
from keras_twins.collection.files import writer
from keras_twins.collection.images import look_at
from keras_twins.data import explain_read_errors
from keras_twins.errors import InputError
from keras_twins.runs import images, of_sounds

# So many rows are taken from one file to the other at a time.
_ROWS = 16_384


def of_run(run, verbose=0):
    """The embeddings of all images or recordings of a run, by its encoder.

    They are those of the training split and then those of the test split, where there
    is one. They stay in `embeddings.parquet` of the workdir, and are made anew if the
    encoder, its preparation or the images have changed.

    Args:
        run: `Run` that has ended.
        verbose: 0 or 1, whether to show progress.

    Returns:
        `keras_twins.collection.Embeddings`, whose columns hold `split` and, where there
        are classes, `class`. Where the images are no files, paths are names such as
        "train[5]".

    Raises:
        InputError: for a run without an encoder, images that cannot be read, or a
            workdir that cannot be written.
    """
    run.workdir.check_ended()
    sources = _sources(run)
    made_of = _fingerprint(run, sources)
    kept, note = run.workdir.embeddings, run.workdir.embeddings_made_of
    if not kept.exists() or _read_note(note) != made_of:
        try:
            note.unlink(missing_ok=True)
            _embed(run, sources, kept, verbose)
            files.write_json(note, made_of)
        except OSError as error:
            raise InputError(
                f"{kept}: the embeddings cannot be kept there: {error.strerror}"
            ) from error
    return read(kept)


def _sources(run):
    """The sources of the splits, by name; no file is in two of them."""
    config = run.config
    train = run.train_source
    found = {config.train_split: train}
    if config.test_split != config.train_split and run.has_split(config.test_split):
        test = run.source(config.test_split)
        known = set(map(os.path.abspath, train.paths or ()))
        new = [os.path.abspath(path) not in known for path in test.paths or ()]
        if all(new):
            found[config.test_split] = test
        elif any(new):
            found[config.test_split] = test.only(np.array(new))
    return found


def _embed(run, sources, path, verbose):
    """Writes the embeddings of all sources, split by split."""
    encoder = run.trained_encoder()
    with (
        writer(path) as file,
        tempfile.TemporaryDirectory(dir=path.parent, prefix=files.PARTIAL) as folder,
    ):
        for split, source in sources.items():
            with explain_read_errors(source.dataset()):
                rows, _ = evaluation.embed(
                    encoder,
                    images.whole_source(run, source),
                    verbose=verbose,
                    output=pathlib.Path(folder) / "rows.npy",
                )
            names = source.paths or [f"{split}[{i}]" for i in range(len(rows))]
            columns = {"split": np.full(len(rows), split)}
            if any(source.has_labels for source in sources.values()):
                columns["class"] = np.array(_classes(source), str)
            for start in range(0, len(rows), _ROWS):
                here = slice(start, start + _ROWS)
                some = {name: values[here] for name, values in columns.items()}
                file.append(rows[here], names[here], columns=some)


def _classes(source):
    """The class of each image in words; empty where it has none."""
    if not source.has_labels:
        return [""] * source.num_images
    labels = source.labels()
    found = np.full(len(labels), "", object)
    known = labels >= 0  # A file of a folder may have no class.
    found[known] = pictures.names(labels[known], source.class_names, known.sum())
    return found


def _fingerprint(run, sources):
    """What embeddings depend on, as JSON has it."""
    encoder = hashlib.sha256(run.workdir.encoder.read_bytes()).hexdigest()
    return {
        "encoder": encoder,
        **_preparation(run),
        "images": {split: _identity(source) for split, source in sources.items()},
    }


def _preparation(run):
    if of_sounds.is_it(run.config):
        return {"log_mel": of_sounds.front_end(run.config).settings}
    return {
        "image_size": run.config.evaluation.image_size,
        "resize": run.config.evaluation.resize,
        "levels": list(run.levels) if run.levels else None,
    }


def _identity(source):
    if source.paths is None:
        return source.identity()
    digest = hashlib.sha256(source.identity().encode())
    for path in source.paths:
        with contextlib.suppress(OSError):  # Reading says that it has gone.
            file = look_at(path)
            digest.update(f"{file.size} {file.modified}\n".encode())
    return digest.hexdigest()


def _read_note(path):
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
