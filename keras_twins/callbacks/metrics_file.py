"""The file that holds the logs of each epoch."""

import json
import pathlib
import time
from collections.abc import Iterable, Mapping
from typing import Any

import keras

from keras_twins import files


class MetricsFile(keras.callbacks.Callback):
    """Writes one line of JSON per epoch: epoch, seconds, and all the logs.

    Args:
        path: path of the file.
        lines: list of dict, those of epochs that have been trained; what else is in the
            file is dropped.
    """

    def __init__(
        self, path: pathlib.Path, lines: Iterable[Mapping[str, Any]] = ()
    ) -> None:
        super().__init__()
        self.path = path
        files.write_text(path, "".join(json.dumps(line) + "\n" for line in lines))

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._began = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        line = {"epoch": epoch + 1, "seconds": time.monotonic() - self._began}
        line |= {name: float(value) for name, value in (logs or {}).items()}
        line["learning_rate"] = float(self.model.optimizer.learning_rate)
        # On the disk when this returns: a checkpoint that follows relies on it.
        files.append_json_line(self.path, line)
