"""Checkpoints of a run, one file each, named by the epochs that it holds."""

import os
import re

_KEPT = 2


def save(model, directory, epochs):
    """Writes weights and optimizer state after `epochs` epochs; keeps the last two.

    Args:
        model: compiled `keras.Model`.
        directory: path.
        epochs: int, epochs that have been trained.
    """
    directory.mkdir(parents=True, exist_ok=True)
    beside = directory / ".partial.weights.h5"
    model.save_weights(beside)
    os.replace(beside, directory / f"epoch-{epochs:05d}.weights.h5")
    for _, path in _found(directory)[:-_KEPT]:
        path.unlink()


def restore(model, directory):
    """Loads the newest checkpoint, where there is one.

    Args:
        model: compiled `keras.Model` with its optimizer built.
        directory: path, which may not exist.

    Returns:
        int, the epochs that the model has been trained for.
    """
    found = _found(directory)
    if not found:
        return 0
    epochs, path = found[-1]
    model.load_weights(path)
    return epochs


def _found(directory):
    """`(epochs, path)` of the checkpoints in a directory, oldest first."""
    matches = (
        (re.fullmatch(r"epoch-(\d+)\.weights\.h5", path.name), path)
        for path in (directory.iterdir() if directory.is_dir() else ())
    )
    return sorted((int(match[1]), path) for match, path in matches if match)
