"""Two random views of every image, as one keras-cv layer."""

from typing import TYPE_CHECKING, Any

from keras_twins.augment.presets import preset

if TYPE_CHECKING:
    from keras_twins.augment.two_views import TwoViews

__all__ = ["TwoViews", "preset"]


def __getattr__(name: str) -> Any:
    # keras-cv takes seconds to import, and a config that only reads presets needs none.
    if name == "TwoViews":
        from keras_twins.augment.two_views import TwoViews  # It imports keras-cv.

        return TwoViews
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
