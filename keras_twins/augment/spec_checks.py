"""Checks of single values of a spec; what is wrong is named in three parts."""

import math
from collections.abc import Mapping
from numbers import Real

from keras_twins.errors import InputError


def check_keys(name, mapping, expected, optional=frozenset()):
    """Raises InputError unless a mapping has the expected keys, and no other."""
    # ConfigDict is no Mapping, but has its methods.
    if not isinstance(mapping, Mapping) and not hasattr(mapping, "keys"):
        fail(name, f"a mapping with the keys {sorted(expected)}", mapping)
    unknown = sorted(set(mapping.keys()) - expected - optional)
    if unknown:
        raise InputError(
            f"Unknown key in {name}. Expected only {sorted(expected | optional)}. "
            f"Received: {', '.join(map(str, unknown))}"
        )
    missing = sorted(expected - set(mapping.keys()))
    if missing:
        raise InputError(
            f"A key is missing in {name}: {', '.join(missing)}. "
            f"Expected all of {sorted(expected)}. Received: {sorted(mapping.keys())}"
        )


def whole_number(name, value, what, least=1):
    """A whole number of at least `least`; `what` is counted."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        fail(name, f"a whole number of {what}, at least {least}", value)
    return value


def finite(name, value, positive=False):
    """A finite number as a float."""
    fits = is_number(value) and math.isfinite(value) and (value > 0 or not positive)
    if not fits:
        fail(name, "a finite positive number" if positive else "a finite number", value)
    return float(value)


def pair(name, values):
    """Two finite numbers, as floats."""
    if isinstance(values, str) or not hasattr(values, "__iter__"):
        fail(name, "a pair of numbers", values)
    numbers = tuple(values)
    if len(numbers) != 2 or not all(map(is_number, numbers)):
        fail(name, "a pair of numbers", values)
    if not all(map(math.isfinite, numbers)):
        fail(name, "a pair of finite numbers", values)
    return float(numbers[0]), float(numbers[1])


def rising(name, values):
    """Two positive numbers, the first no larger than the second."""
    low, high = pair(name, values)
    if not 0 < low <= high:
        fail(name, "a pair (low, high) with 0 < low <= high", values)
    return low, high


def between(name, value, limit, what):
    """A number from 0 to `limit`, as a float."""
    if not is_number(value) or not 0 <= value <= limit:
        fail(name, f"{what} from 0 to {limit:g}", value)
    return float(value)


def is_number(value):
    return isinstance(value, Real) and not isinstance(value, bool)


def fail(name, expected, value):
    raise InputError(
        f"Invalid value for `{name}`. Expected {expected}. Received: {value!r}"
    )
