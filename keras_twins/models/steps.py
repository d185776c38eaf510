"""What one step of `Twins` computes, on any backend.

The files beside this one, one per backend, take the gradient and apply it.
"""

import inspect
import types
from typing import Any

import keras
from keras import ops

from keras_twins import replicas
from keras_twins.losses import at_step
from keras_twins.models import batches, diagnostics, parts, refusals
from keras_twins.models.teacher import towards
from keras_twins.types import Tensor

# Parts of a batch of a generator: `(x, y, sample_weight)`.
_MOST_PARTS = 3

# Batches of a training are counted from 0, so that none shares these views.
_TEST_BATCH = -1


class Steps(keras.Model):
    """The loss of a batch and the metrics, all of the global batch.

    A loss value is the same on all replicas, and each replica's gradient is its share
    of the global one; the optimizer sums them. See `keras_twins.losses.PairLoss`.
    """

    _means: "Means"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # What is drawn for a batch is decided by its number, which is saved with the
        # weights: batches of a run that goes on never get the same views again.
        self.batches_seen = self.add_weight(
            shape=(),
            initializer="zeros",
            dtype="int",
            trainable=False,
            autocast=False,
            aggregation="only_first_replica",
            name="batches_seen",
        )

    @property
    def metrics(self) -> list[keras.Metric]:
        """The means that `compile` made, and metrics that a subclass has of its own."""
        # Keras's own tracker of the loss does not know of replicas.
        others = [m for m in super().metrics if m is not self._loss_tracker]
        return [*self._means.metrics, *others] if self.compiled else others

    def objective(self, batch: Any, training: bool) -> Tensor:
        """This replica's share of the loss of a batch, whose terms go to the metrics.

        Args:
            batch: what the data give, in any form that `batches` reads.
            training: whether the step is one of training.

        Returns:
            float32 scalar, whose gradients are to be summed over replicas.
        """
        number = self.batch_number(training)
        with at_step(number):
            pair = self._pair(batch, number)
            embeddings, terms = self.batch_terms(pair, training)
        self._check(terms)
        loss = shown = terms["loss"]
        if self.losses:
            # Regularisation is the same on all replicas, whose gradients are summed.
            regularisation = sum(ops.cast(ops.sum(x), "float32") for x in self.losses)
            loss = loss + regularisation / replicas.current().count
            shown = shown + regularisation
        self._record(terms | {"loss": shown}, embeddings)
        if training:
            self.batches_seen.assign_add(1)
        return loss

    def batch_number(self, training: bool) -> Tensor:
        """The number of the running batch, by which all that is random in it is drawn.

        Args:
            training: whether the step is one of training.

        Returns:
            Integer scalar: from 0 on in training, -1 for all batches of a test.
        """
        if not training:
            return ops.full((), _TEST_BATCH, dtype=self.batches_seen.dtype)
        return ops.convert_to_tensor(self.batches_seen)

    def teach(self, before: Tensor) -> None:
        """Moves the teacher, where there is one, after the optimizer was called.

        Args:
            before: the optimizer's `iterations` before the call.
        """
        if self.teacher is not None:
            share = self.teacher.share(before, self.optimizer.iterations)
            self._average(self.teacher.pairs(self.encoder, self.projector), share)

    def _average(self, pairs, share):
        for mine, other in pairs:
            towards(mine, other, share)

    def fit(self, *args: Any, **kwargs: Any) -> keras.callbacks.History:
        """As of `keras.Model`, without weights of samples or classes."""
        bound = _bound(super().fit, args, kwargs)
        given = bound.arguments
        if self.views is not None and "x" in given:
            given["x"] = self._show_views(given["x"])
        # Keras shuffles arrays alone, and warns of all else without this.
        x = given.get("x")
        if hasattr(x, "element_spec") or isinstance(x, types.GeneratorType):
            given.setdefault("shuffle", False)
        return super().fit(*bound.args, **bound.kwargs)

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        """As of `keras.Model`, without weights of samples."""
        bound = _bound(super().evaluate, args, kwargs)
        return super().evaluate(*bound.args, **bound.kwargs)

    def train_on_batch(self, *args: Any, **kwargs: Any) -> Any:
        """As of `keras.Model`, without weights of samples or classes."""
        bound = _bound(super().train_on_batch, args, kwargs)
        return super().train_on_batch(*bound.args, **bound.kwargs)

    def test_on_batch(self, *args: Any, **kwargs: Any) -> Any:
        """As of `keras.Model`, without weights of samples."""
        bound = _bound(super().test_on_batch, args, kwargs)
        return super().test_on_batch(*bound.args, **bound.kwargs)

    def _pair(self, batch, number):
        if self.views is not None:
            images, labels = batches.images(batch)
            return batches.of_views(self._make_views(images, number), labels)
        pair = batches.pair(batch)
        for view in pair.further:
            parts.check_view(view.shape, self.encoder.input_shape)
        return pair

    def _check(self, terms):
        expected = {"loss", *self.term_names}
        if set(terms) != expected:
            raise ValueError(
                "`batch_terms` and `term_names` differ. Expected the terms "
                f"{sorted(expected)}. Received: {sorted(terms)}"
            )

    def _record(self, terms, embeddings):
        group = replicas.current()
        rows = group.sum(ops.cast(ops.shape(embeddings)[0], "float32"))
        # A gather of replicas forgets the width.
        gathered = ops.reshape(
            group.gather(ops.cast(embeddings, "float32")), (-1, embeddings.shape[1])
        )
        self._means.update(terms | diagnostics.measure(gathered), rows)


class Means:
    """A mean over the samples of an epoch for each name.

    Not a dictionary, which Keras would search for metrics: those of a loss that another
    `compile` has replaced would stay among the model's.

    Args:
        names: of the metrics.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self.metrics = [keras.metrics.Mean(name=name) for name in names]

    def update(self, values: dict[str, Tensor], rows: Tensor) -> None:
        """Counts the values of a batch, once for each of its rows."""
        for metric in self.metrics:
            value = ops.stop_gradient(values[metric.name])
            metric.update_state(value, sample_weight=rows)


def _bound(method, args, kwargs):
    """The arguments of a call by name, as Keras takes them; refuses weights."""
    bound = inspect.signature(method).bind(*args, **kwargs)
    given = bound.arguments
    weights = {n: given.get(n) for n in ("sample_weight", "class_weight")}
    refusals.check_arguments(**weights)
    for name in ("x", "validation_data"):
        if isinstance(given.get(name), types.GeneratorType):
            given[name] = _tuples(given[name])
    return bound


def _tuples(generator):
    """Batches of a generator as Keras takes them of generators alone: without lists."""
    for batch in generator:
        batch = _without_lists(batch)
        is_parts = isinstance(batch, tuple) and len(batch) <= _MOST_PARTS
        yield batch if is_parts else (batch,)


def _without_lists(batch):
    if isinstance(batch, (tuple, list)):
        return tuple(map(_without_lists, batch))
    if isinstance(batch, dict):
        return {key: _without_lists(value) for key, value in batch.items()}
    return batch
