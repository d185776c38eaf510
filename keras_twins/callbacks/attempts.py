"""What a training measures beside its loss, none of which may stop it."""

import pathlib
from collections.abc import Callable
from typing import TypeVar

from keras_twins import files
from keras_twins.evaluation.rows import in_short

_Value = TypeVar("_Value")


class Attempts:
    """Measures that may fail: each reason is said once, and the training goes on.

    Args:
        path: the file that holds what was said, for the report; None for none.
    """

    def __init__(self, path: pathlib.Path | None = None) -> None:
        self._path = path
        self._reasons: dict[str, str] = {}
        self._notes: list[str] = []
        if path is not None:
            path.unlink(missing_ok=True)

    def attempt(self, name: str, measure: Callable[[], _Value]) -> _Value | None:
        """What a measure gives, or None where it fails.

        Args:
            name: str, what is measured: "kNN".
            measure: function without arguments.
        """
        try:
            return measure()
        except Exception as error:  # Whatever it meets, the training needs none of it.
            self.missing(name, in_short(error))
            return None

    def missing(self, name: str, reason: str) -> None:
        """Says why something is not measured, unless the same has been said."""
        if self._reasons.get(name) != reason:
            self._reasons[name] = reason
            self._say(f"no {name}: {reason}")

    def note(self, text: str) -> None:
        """Says how kNN is measured, unless it has been said."""
        if text not in self._notes:
            self._notes.append(text)
            self._say(text)

    def _say(self, text):
        print(text, flush=True)
        if self._path is not None:
            said = {"missing": self._reasons, "notes": self._notes}
            try:
                files.write_json(self._path, said)
            except OSError:
                pass  # A disk that is full stops the checkpoint, which says so.
