"""Parts by name: `module:name`, one rule for encoders, losses, views and the others."""

import importlib
import inspect
import os
import sys

from keras_twins.errors import InputError

# Keys of configurations for parts of ours. Another part gets those that it knows.
_OF_OURS = {
    "encoder": {"stem", "widths", "depths", "block", "output_norm"},
    "loss": {"redundancy_weight", "eps", "ddof", "form", "seed"},
    "model": {"mixing_scale", "seed"},
    "optimizer": {"exempt_rate"},
}


def is_named(name):
    """Whether a part's name is a `module:name` rather than one of ours."""
    return ":" in name


def find(key, name):
    """Finds what a `module:name` names; modules of the current folder count.

    Args:
        key: str, the configuration's key, for messages.
        name: str.

    Returns:
        A function or class.

    Raises:
        InputError: for a module that cannot be imported, a name that it lacks, or
            something that cannot be called.
    """
    module_name, _, attribute = name.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # A command's own path begins where it lies.
    try:
        found = importlib.import_module(module_name)
    except Exception as error:  # Whatever a module raises where it is imported.
        raise InputError(
            f"--config.{key}={name}: the module {module_name} cannot be imported "
            f"({one_line(error)})"
        ) from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise InputError(f"--config.{key}={name}: {module_name} has no {attribute}")
        found = getattr(found, part)
    if not callable(found):
        raise InputError(
            f"--config.{key}={name}: expected a function or a class, and it is a "
            f"{type(found).__name__}"
        )
    return found


def make(ours, part, arguments, *positional, **keywords):
    """Makes a part of a configuration.

    Args:
        ours: dict of functions and classes by their short names.
        part: str, the configuration's key, such as "loss".
        arguments: dict, the configuration's values: `name`, and what is passed on.
        *positional: what every such part takes.
        **keywords: what every such part takes by name.

    Returns:
        What the function or class gives.

    Raises:
        InputError: for a name that does not exist, or arguments that it does not take.
    """
    arguments = dict(arguments)
    name = arguments.pop("name")
    if is_named(name):
        maker = find(f"{part}.name", name)
    elif name in ours:
        maker = ours[name]
    else:
        raise InputError(
            f"--config.{part}.name={name} does not exist; there are "
            f"{', '.join(sorted(ours))}, and module:name"
        )
    if is_named(name) or part in ("loss", "model"):
        known = parameters(maker)
        left = _OF_OURS.get(part, set()) - known
        arguments = {k: v for k, v in arguments.items() if k not in left}
    return call(part, maker, *positional, **keywords, **arguments)


def call(key, maker, *positional, **keywords):
    """Calls a function or class of a configuration; its complaint is one line.

    Raises:
        InputError: for arguments that it refuses.
    """
    try:
        return maker(*positional, **keywords)
    except InputError:
        raise
    except (TypeError, ValueError, ImportError, OSError) as error:
        raise InputError(f"--config.{key}: {one_line(error)}") from error


def parameters(maker):
    """Names of the arguments that a function or class has, a set of str."""
    try:
        return set(inspect.signature(maker).parameters)
    except (TypeError, ValueError):  # Of C, which tells nothing.
        return set()


def one_line(error):
    """The first line of an error's message, or its kind where it has none."""
    lines = str(error).strip().splitlines()
    return lines[0].strip() if lines else type(error).__name__
