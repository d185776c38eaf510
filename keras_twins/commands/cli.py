"""The `keras-twins` command: one sub-command, one module of this folder.

A command's module has a docstring, which is its help; `define_flags(flags)`;
`main(flags, paths)`; and `TAKES_PATHS = True` where arguments may stand beside flags.
Its flags are its own: commands can be imported together, and run one after the other.
"""

import difflib
import importlib
import os
import re
import sys
import textwrap

from absl import flags as absl_flags

import keras_twins
from keras_twins.errors import InputError
from keras_twins.runs.stops import EXIT_STATUS, Stopped

COMMANDS = {
    "train": "train an encoder on unlabelled images",
    "views": "draw images with their two views, before a training",
    "evaluate": "kNN and linear probe: raw pixels, untrained and trained encoder",
    "report": "one HTML page of a run, or of several side by side",
    "neighbours": "the images nearest to a query image",
    "audit": "duplicates, leaks, poor quality and outliers of a collection",
    "select": "the files that are worth a label, and why",
    "label": "a label for every file, from the labels so far",
    "explore": "the live page of a collection: map, neighbours, labels",
    "export": "write a SavedModel that TF Serving serves",
    "serve": "an exported model over TF Serving's REST and gRPC interfaces",
    "embed": "embeddings of image files, from an exported model",
}

_USAGE = "\n".join(
    [
        f"keras-twins {keras_twins.__version__}: from unlabelled images to embeddings",
        "",
        *(f"  keras-twins {name:<10} {what}" for name, what in COMMANDS.items()),
        "",
        "keras-twins COMMAND --help shows the flags of a command.",
    ]
)

_HELP = ("-h", "--help")


def main(command: str | None = None) -> None:
    """Entry point of the `keras-twins` script.

    Args:
        command: name of a command that gets all arguments of the process; None where
            the first argument names it.
    """
    arguments = sys.argv[1:]
    if command is None:
        if not arguments or arguments[0] in (*_HELP, "help"):
            print(_USAGE)
            return
        command, *arguments = arguments
    if command not in COMMANDS:
        close = difflib.get_close_matches(command, COMMANDS, 1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        _fail(f"unknown command {command!r}{hint}")
    run(command, arguments)


def run(command, arguments):
    """Runs a command; a user's mistake is one line and status 1."""
    module = importlib.import_module(f"keras_twins.commands.{command}")
    flags = absl_flags.FlagValues()
    module.define_flags(flags)
    if any(argument in _HELP for argument in arguments):
        print(help_text(module, flags))
        return
    paths = _parse(flags, [f"keras-twins {command}", *arguments])[1:]
    try:
        if paths and not getattr(module, "TAKES_PATHS", False):
            raise InputError(f"unexpected argument {paths[0]!r}")
        module.main(flags, paths)
    except InputError as error:
        _fail(error)
    except Stopped as stop:
        print(f"keras-twins: {stop}", file=sys.stderr)
        sys.exit(EXIT_STATUS)
    except KeyboardInterrupt:
        _fail("interrupted")


def help_text(module, flags):
    """What a command says about itself: its docstring and its flags, in order."""
    lines = [module.__doc__.strip(), "", "Flags:"]
    for name in flags:
        flag = flags[name]
        value = "" if flag.default in (None, []) else f"={flag.default}"
        required = any(not check.checker(flag.default) for check in flag.validators)
        lines += [f"  --{name}{value}{' (required)' if required else ''}"]
        meaning = flag.help.partition(";\n")[0]  # without absl's words on repeating it
        lines += textwrap.wrap(
            " ".join(meaning.split()),
            width=80,
            initial_indent=" " * 6,
            subsequent_indent=" " * 6,
        )
    return "\n".join(lines)


def _parse(flags, argv):
    argv = [_packaged(argument) for argument in argv]
    try:
        return flags(argv)
    except absl_flags.Error as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        _fail(" ".join(dict.fromkeys((lines[0], lines[-1]))))
    except (AttributeError, KeyError) as error:
        text = str(error)
        close = re.search(r'Did you mean "(\w+)" instead of "(\w+)"', text)
        key = close[2] if close else re.sub(r"\W", "", text)
        hint = f"; did you mean {close[1]!r}?" if close else ""
        _fail(f"{_override(argv, key)}: the configuration has no key {key!r}{hint}")
    except Exception as error:
        _fail(f"--config: {str(error).strip().splitlines()[-1].strip()}")


def _packaged(argument):
    """The installed file for a `--config=configs/x.py` that is not in this folder."""
    match = re.fullmatch(r"--?config=configs/(\w+\.py)(:.*)?", argument)
    if not match or os.path.exists(f"configs/{match[1]}"):
        return argument
    folder = os.path.dirname(keras_twins.configs.__file__)
    return f"--config={folder}/{match[1]}{match[2] or ''}"


def _override(argv, key):
    """The override among the arguments that names `key`, for a message."""
    for argument in argv:
        name = argument.split("=")[0].lstrip("-")
        if name.startswith("config.") and key in name.split("."):
            return f"--{name}"
    return "--config"


def _fail(message):
    line = " ".join(str(message).split())
    print(f"keras-twins: {line}", file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main()
