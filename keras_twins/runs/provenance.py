"""What ran a training: versions, hardware, and how fast its input could have been."""

import os
import platform
import time
from importlib import metadata

import tensorflow as tf

import keras_twins

_PACKAGES = ("tensorflow", "keras", "keras-cv", "numpy")

# The input pipeline is timed over so many batches, or seconds, whichever ends first.
_BATCHES = 20
_SECONDS = 1.0


def gather(run, steps, pairs):
    """What `run.json` says of a run.

    Args:
        run: `Run`.
        steps: int, steps of an epoch.
        pairs: `tf.data.Dataset`, the training's batches.

    Returns:
        dict of JSON types.
    """
    config, source = run.config, run.train_source
    return {
        "versions": versions(),
        "hardware": hardware(),
        "replicas": run.strategy.num_replicas_in_sync,
        "training_images": source.num_images,
        "class_names": list(source.class_names) if source.class_names else None,
        "steps_per_epoch": steps,
        "batch_size": config.batch_size,
        # A service hands out each batch once: one that is timed would be lost.
        "input_pairs_per_second": None
        if config.data_service
        else input_rate(pairs, config.batch_size),
    }


def versions():
    """The versions of Python, of this package and of what it stands on."""
    found = {
        "python": platform.python_version(),
        "keras-twins": keras_twins.__version__,
    }
    return found | {name: metadata.version(name) for name in _PACKAGES}


def hardware():
    """The processor, how many cores this process may use, and the accelerators."""
    accelerators = []
    for device in tf.config.list_physical_devices():
        if device.device_type != "CPU":
            details = tf.config.experimental.get_device_details(device)
            accelerators.append(details.get("device_name", device.device_type))
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "accelerators": accelerators,
    }


def input_rate(pairs, batch_size):
    """How many pairs per second the input pipeline makes when nothing else is done.

    Returns:
        float, or None where there are no two batches to time.
    """
    batches = iter(pairs)
    next(batches, None)  # What is done once, such as reading into memory, is no rate.
    began, count = time.monotonic(), 0
    for _ in batches:
        count += 1
        if count == _BATCHES or time.monotonic() - began > _SECONDS:
            break
    return count * batch_size / (time.monotonic() - began) if count else None


def _processor():
    try:
        with open("/proc/cpuinfo") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
