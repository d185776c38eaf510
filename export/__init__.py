"""From a trained encoder to a SavedModel that TensorFlow Serving loads."""

import importlib

_HOMES = {
    "ExportError": "reference",
    "export_litert": "runtimes",
    "export_onnx": "runtimes",
    "export_saved_model": "saved_model",
    "newest_version": "versions",
    "version_folders": "versions",
}

__all__ = [*_HOMES]


def __getattr__(name):
    # Looking for a version on disk does not wait for TensorFlow's import.
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *_HOMES])
