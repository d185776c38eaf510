"""From a trained encoder to a SavedModel that TensorFlow Serving loads."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keras_twins.export.reference import ExportError as ExportError
    from keras_twins.export.runtimes import export_litert as export_litert
    from keras_twins.export.runtimes import export_onnx as export_onnx
    from keras_twins.export.runtimes import export_sound_litert as export_sound_litert
    from keras_twins.export.runtimes import export_sound_onnx as export_sound_onnx
    from keras_twins.export.saved_model import export_saved_model as export_saved_model
    from keras_twins.export.sound_model import export_sound_model as export_sound_model
    from keras_twins.export.versions import newest_version as newest_version
    from keras_twins.export.versions import version_folders as version_folders

_HOMES = {
    "ExportError": "reference",
    "export_litert": "runtimes",
    "export_onnx": "runtimes",
    "export_saved_model": "saved_model",
    "export_sound_litert": "runtimes",
    "export_sound_model": "sound_model",
    "export_sound_onnx": "runtimes",
    "newest_version": "versions",
    "version_folders": "versions",
}

__all__ = [
    "ExportError",
    "export_litert",
    "export_onnx",
    "export_saved_model",
    "export_sound_litert",
    "export_sound_model",
    "export_sound_onnx",
    "newest_version",
    "version_folders",
]


def __getattr__(name: str) -> Any:
    # Looking for a version on disk does not wait for TensorFlow's import.
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
