"""What a step of each method costs, all of them in turns in one process."""

import statistics
import time

import keras

from benchmarks.note import training
from benchmarks.note.methods import METHODS
from benchmarks.note.rows import SCALES, SEARCHED_AT, SIDE_BY_SIDE
from keras_twins.runs import provenance

ROUNDS, STEPS = 5, 10


def measure(data, methods=SIDE_BY_SIDE, scale=SCALES["small"], steps=STEPS):
    """Core-milliseconds of a step per image, views that are there already.

    The methods take turns, so that whatever else the machine does slows all of them.

    Args:
        data: `benchmarks.note.images.Images`.
        methods: names of them.
        scale: `benchmarks.note.rows.Scale`, for its encoder.
        steps: int, of each turn.

    Returns:
        dict of JSON types: `milliseconds`, by method a list with one number per round.
    """
    pair = tuple(view[:SEARCHED_AT] for view in data.pair)
    models = {name: _compiled(METHODS[name], scale) for name in methods}
    milliseconds = {name: [] for name in methods}
    for round_ in range(ROUNDS + 1):
        for name, model in models.items():
            began = time.process_time()
            for _ in range(steps):
                model.train_on_batch(pair)
            spent = 1000 * (time.process_time() - began) / (steps * len(pair[0]))
            if round_:  # The first one builds the graph.
                milliseconds[name].append(round(spent, 4))
    return {"milliseconds": milliseconds, "hardware": provenance.hardware()}


def median(cost, method):
    """The middle of the rounds, or None where nothing was measured."""
    found = cost.get("milliseconds", {}).get(method)
    return found and statistics.median(found)


def _compiled(method, scale):
    keras.utils.set_random_seed(0)
    model = method.make(training.encoder(scale), steps=1000)
    model.compile(training.optimizer(0.004, 1000), loss=method.loss())
    return model
