"""Callbacks of `fit`: what a run writes down while it goes on."""

import json
import time

import keras

from keras_twins import checkpoints


class OnlineEvaluation(keras.callbacks.Callback):
    """Adds the kNN accuracy of the embedding to the logs, every few epochs.

    It comes before the callbacks that write the logs.

    Args:
        encoder: `keras.Model` that shares the weights being trained and takes what the
            datasets hold.
        train: batched `tf.data.Dataset` of `(images, labels)`, the bank.
        test: batched `tf.data.Dataset` of `(images, labels)`.
        every_epochs: int, 1 or more. The last epoch is always evaluated.
        k: int, the number of neighbours.
        temperature: float, of the neighbours' weights.
    """

    def __init__(self, encoder, train, test, every_epochs=1, k=200, temperature=0.5):
        super().__init__()
        self.encoder = encoder
        self.train = train
        self.test = test
        self.every_epochs = every_epochs
        self.k = k
        self.temperature = temperature

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every_epochs and epoch + 1 != self.params["epochs"]:
            return
        from keras_twins import evaluation

        features = [
            *evaluation.embed(self.encoder, self.train),
            *evaluation.embed(self.encoder, self.test),
        ]
        k = min(self.k, len(features[1]))
        logs["knn"] = evaluation.knn_accuracy(
            *features, k=k, temperature=self.temperature
        )
        if self.params.get("verbose"):
            print(f"epoch {epoch + 1}: kNN accuracy {100 * logs['knn']:.2f} %")


class MetricsFile(keras.callbacks.Callback):
    """Writes one line of JSON an epoch: epoch, seconds, and all the logs.

    Args:
        path: path of the file. Lines of epochs that are trained again are dropped.
    """

    def __init__(self, path):
        super().__init__()
        self.path = path

    def on_train_begin(self, logs=None):
        self._file = self.path.open("a")

    def on_epoch_begin(self, epoch, logs=None):
        self._began = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        line = {"epoch": epoch + 1, "seconds": time.monotonic() - self._began}
        line |= {name: float(value) for name, value in (logs or {}).items()}
        line["learning_rate"] = float(self.model.optimizer.learning_rate)
        print(json.dumps(line), file=self._file, flush=True)

    def on_train_end(self, logs=None):
        self._file.close()

    def keep(self, epochs):
        """Drops the lines after the first `epochs` epochs, which come again."""
        if not self.path.exists():
            return
        lines = self.path.read_text().splitlines(keepends=True)
        kept = [line for line in lines if json.loads(line)["epoch"] <= epochs]
        self.path.write_text("".join(kept))


class Checkpoint(keras.callbacks.Callback):
    """Writes a checkpoint after each epoch; see `keras_twins.checkpoints`.

    Args:
        directory: path.
    """

    def __init__(self, directory):
        super().__init__()
        self.directory = directory

    def on_epoch_end(self, epoch, logs=None):
        checkpoints.save(self.model, self.directory, epoch + 1)
