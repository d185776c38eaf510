"""Two random views of every image, or of every sound, as one layer each."""

import importlib
from typing import TYPE_CHECKING, Any

from keras_twins.augment import sounds
from keras_twins.augment.presets import preset

if TYPE_CHECKING:
    from keras_twins.augment.sounds.log_mel import LogMel
    from keras_twins.augment.sounds.two_sound_views import TwoSoundViews
    from keras_twins.augment.two_views import TwoViews

# They import TensorFlow, and keras-cv, which takes seconds; a config that only reads
# presets needs neither.
_HOMES = {
    "LogMel": "sounds.log_mel",
    "TwoSoundViews": "sounds.two_sound_views",
    "TwoViews": "two_views",
}

__all__ = ["LogMel", "TwoSoundViews", "TwoViews", "preset", "sounds"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
