"""Types that Keras and TensorFlow do not name."""

import os
from typing import Any, TypeAlias

Tensor: TypeAlias = Any
"""A tensor of the Keras backend, or a NumPy array that becomes one."""

StrPath: TypeAlias = str | os.PathLike[str]
"""A file or folder."""
