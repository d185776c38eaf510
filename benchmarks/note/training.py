"""One training of the comparison, and what is measured during and after it."""

import ctypes
import gc
import pathlib
import resource
import time

import keras
import numpy as np
from keras.optimizers.schedules import CosineDecay

import keras_twins as kt
from benchmarks.note import dependence, images
from benchmarks.note.methods import METHODS
from keras_twins import evaluation, models
from keras_twins.models import diagnostics
from keras_twins.runs import provenance

# Those of the quick configuration: of kNN, and of AdamW.
_K, _TEMPERATURE = 200, 0.07
_WEIGHT_DECAY = 1e-4

# The share of the steps over which the rate rises, for every batch size.
_WARMUP = 0.05

# Of the training images, those that vote while a training is watched.
_BANK = 10_240
_BATCH = 512

_STATUS = pathlib.Path("/proc/self/status")
_CLEAR = pathlib.Path("/proc/self/clear_refs")


def run(job, data):
    """Trains and measures.

    Args:
        job: `benchmarks.note.rows.Job`.
        data: `benchmarks.note.images.Images`.

    Returns:
        dict of JSON types: the job, accuracies, `history`, time and memory.
    """
    keras.backend.clear_session()
    gc.collect()
    held = _reset_peak()
    keras.utils.set_random_seed(job.seed)
    method, scale = METHODS[job.method], job.scale
    steps = scale.images // job.batch_size
    model = method.make(encoder(scale), steps * scale.epochs)
    model.compile(optimizer(job.rate, steps * scale.epochs), loss=method.loss())
    watch = Watch(scale, data, held)
    model.fit(
        _batches(job, data),
        epochs=scale.epochs,
        steps_per_epoch=steps,
        verbose=0,
        callbacks=[watch],
    )
    return {
        "job": job.described(),
        **watch.spent,
        **(_judge(job, model, data) if not job.held_out else _last(watch)),
        "history": watch.history,
        "versions": provenance.versions(),
        "hardware": provenance.hardware(),
    }


class Watch(keras.callbacks.Callback):
    """Measures at some epochs, and counts what the training itself takes.

    Attributes:
        history: list of dict.
        spent: dict of seconds, and the megabytes above `held` at the peak.
    """

    def __init__(self, scale, data, held):
        super().__init__()
        self.history = []
        self.spent = {}
        self._scale, self._data = scale, data
        self._held, self._peak = held, held
        self._measuring = np.zeros(2)

    def on_train_begin(self, logs=None):
        self._began = _seconds()
        self._measure(0, {})

    def on_epoch_end(self, epoch, logs=None):
        scale = self._scale
        if epoch + 1 in (*scale.measured, scale.epochs):
            self._peak = max(self._peak, _megabytes("VmHWM"))
            self._measure(epoch + 1, {"loss": logs["loss"]})

    def on_train_end(self, logs=None):
        passed = _seconds() - self._began
        for name, whole, part in zip(
            ("seconds", "cpu_seconds"), passed, self._measuring, strict=True
        ):
            self.spent[f"training_{name}"] = round(whole - part, 2)
            self.spent[f"measuring_{name}"] = round(part, 2)
        self.spent["peak_mb"] = round(self._peak - self._held, 1)

    def _measure(self, epoch, logs):
        began = _seconds()
        point = {
            "epoch": epoch,
            "images": epoch * self._scale.images,
            "training_cpu_seconds": round(
                float((began - self._began - self._measuring)[1]), 2
            ),
        }
        found = measure(self.model, self._data, min(_BANK, self._scale.images))
        self.history.append({**point, **logs, **found})
        _reset_peak()
        self._measuring += _seconds() - began


def measure(model, data, bank):
    """What is known of embeddings of held-out images."""
    voters = data.train(bank)
    train_x = _embed(model, voters.images)
    test_x = _embed(model, data.held_out.images)
    h_a, h_b = (_embed(model, view) for view in data.pair)
    z_a, z_b = (
        _finite(model.projector.predict(h, _BATCH, verbose=0)) for h in (h_a, h_b)
    )
    accuracy = evaluation.knn_accuracy(
        train_x, voters.labels, test_x, data.held_out.labels, _K, _TEMPERATURE
    )
    return _rounded(
        {
            "knn": accuracy,
            "effective_rank": evaluation.effective_rank(test_x - test_x.mean(axis=0)),
            "participation_ratio": float(diagnostics.participation_ratio(test_x)),
            "embedding_std": evaluation.embedding_std(test_x),
            "embeddings": dependence.measure(h_a, h_b),
            "projections": dependence.measure(z_a, z_b),
        }
    )


def _last(watch):
    """Where a choice depends on it, held-out images judge, and the test set waits."""
    return {"knn": watch.history[-1]["knn"]}


def _judge(job, model, data):
    """Accuracies of the test images."""
    voters = data.train(job.scale.images)
    known = _embed(model, voters.images), voters.labels
    asked = _embed(model, data.test.images), data.test.labels
    return {
        "knn": evaluation.knn_accuracy(*known, *asked, _K, _TEMPERATURE),
        "linear_probe": evaluation.linear_probe(*known, *asked),
    }


def _embed(model, prepared):
    return _finite(model.embed(prepared, _BATCH))


def _finite(features):
    """A training that diverged is judged as one that collapsed."""
    return np.nan_to_num(features, nan=0.0, posinf=0.0, neginf=0.0)


def encoder(scale):
    """The encoder of a `benchmarks.note.rows.Scale`."""
    if not scale.widths:
        return models.resnet18((32, 32, 3))
    return models.residual_encoder(
        (32, 32, 3), "small", scale.widths, (0, 1, 1, 1), output_norm=True
    )


def optimizer(rate, steps):
    """AdamW with a warm-up to a rate and a cosine to 0, over so many steps."""
    warmup = round(_WARMUP * steps)
    schedule = CosineDecay(0.0, steps - warmup, warmup_target=rate, warmup_steps=warmup)
    return keras.optimizers.AdamW(schedule, weight_decay=_WEIGHT_DECAY)


def _batches(job, data):
    return kt.data.two_view_pipeline(
        kt.data.from_arrays(data.pixels[: job.scale.images]),
        kt.augment.TwoViews(images.view_spec(), seed=job.seed),
        job.batch_size,
        job.seed,
        start=(0, 0),
    )


def _seconds():
    """Seconds of the clock and of the processor, whatever thread took them."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return np.array([time.monotonic(), used.ru_utime + used.ru_stime])


def _reset_peak():
    """Lets the process's peak of memory begin anew; what it holds, in MB."""
    ctypes.CDLL(None).malloc_trim(0)  # What is free would count as held.
    _CLEAR.write_text("5")
    return _megabytes("VmRSS")


def _megabytes(key):
    for line in _STATUS.read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"{_STATUS} has no {key}")


def _rounded(found):
    return {
        key: _rounded(value) if isinstance(value, dict) else float(f"{value:.5g}")
        for key, value in found.items()
    }
