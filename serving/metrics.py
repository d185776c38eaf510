"""What Prometheus is told, under the names that TensorFlow Serving uses."""

import collections

from prometheus_client import (
    CollectorRegistry,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.metrics_core import Metric

PATH = "/monitoring/prometheus/metrics"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_PREFIX = ":tensorflow:serving:"
_MICROSECONDS = 1e6
# TF Serving's: ten microseconds to some twenty minutes.
_LATENCIES = [10 * 1.8**n for n in range(33)]
_BATCH_SIZES = [2**n for n in range(11)]


class Metrics:
    """Counts and times of one server. Its methods may be called by any thread."""

    def __init__(self):
        # A series for when each series began, which nobody asks for.
        disable_created_metrics()
        self._registry = CollectorRegistry()
        self._counts = _Counts(
            _PREFIX + "request_count",
            "The total number of requests.",
            ("model_name", "status"),
        )
        self._registry.register(self._counts)
        self._latency = self._histogram(
            "request_latency",
            "Time in microseconds from a whole request to its answer.",
            _LATENCIES,
            ("model_name", "API", "entrypoint"),
        )
        self._runtime = self._histogram(
            "runtime_latency",
            "Time in microseconds that a batch ran in TensorFlow.",
            _LATENCIES,
        )
        self._queuing = self._histogram(
            "batching_session:queuing_latency",
            "Time in microseconds that a request waited for its batch.",
            _LATENCIES,
        )
        self._batch_size = self._histogram(
            "batching_session:processed_batch_size",
            "Rows that ran together.",
            _BATCH_SIZES,
        )
        self.in_flight = Gauge(
            "keras_twins_serving_requests_in_flight",
            "Requests that are being read, run or answered.",
            registry=self._registry,
        )
        ProcessCollector(registry=self._registry)

    def answered(self, model, status, api, entrypoint, seconds):
        """Counts a request.

        Args:
            model: str. A name that is served; others would let strangers fill memory.
            status: str. Canonical name of the status, "OK" if it was answered.
            api: str, such as "predict".
            entrypoint: "REST" or "GRPC".
            seconds: float.
        """
        self._counts.add(model, status)
        latency = self._latency.labels(model, api, entrypoint)
        latency.observe(seconds * _MICROSECONDS)

    def queued(self, seconds):
        """Notes how long a request waited for its batch."""
        self._queuing.observe(seconds * _MICROSECONDS)

    def ran(self, batch_size, seconds):
        """Notes a batch."""
        self._batch_size.observe(batch_size)
        self._runtime.observe(seconds * _MICROSECONDS)

    def page(self):
        """The page for Prometheus, as bytes."""
        return generate_latest(self._registry)

    def _histogram(self, name, text, buckets, labels=()):
        return Histogram(
            _PREFIX + name, text, labels, buckets=buckets, registry=self._registry
        )


class _Counts:
    """A counter whose name has no `_total`, which `prometheus_client` insists on."""

    def __init__(self, name, text, labels):
        self._name, self._text, self._labels = name, text, labels
        self._values = collections.Counter()

    def add(self, *labels):
        self._values[labels] += 1

    def collect(self):
        metric = Metric(self._name, self._text, "unknown")
        for values, count in sorted(self._values.items()):
            labels = dict(zip(self._labels, values, strict=True))
            metric.add_sample(self._name, labels, count)
        yield metric
