"""The `keras-twins` command: one sub-command, one module with absl flags."""

import difflib
import gc
import importlib
import os
import re
import sys
import tempfile
import textwrap

from absl import app, flags, logging

import keras_twins
from keras_twins.errors import InputError
from keras_twins.stops import EXIT_STATUS, Stopped

COMMANDS = {
    "train": "train an encoder on unlabelled images",
    "views": "draw images with their two views, before a training",
    "evaluate": "kNN and linear probe: raw pixels, untrained and trained encoder",
    "report": "one HTML page of a run, or of several side by side",
    "neighbours": "the images nearest to a query image",
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


def main():
    """Entry point of the `keras-twins` script."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_USAGE)
        return
    command = arguments[0]
    if command not in COMMANDS:
        close = difflib.get_close_matches(command, COMMANDS, 1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        _fail(f"{command!r} is no command of keras-twins{hint}")
    inside = ".__main__" if command in ("export", "report") else ""
    module = importlib.import_module(f"keras_twins.{command}{inside}")
    if any(argument in ("-h", "--help") for argument in arguments):
        print(_help(module))
        return
    run(module.main, [f"keras-twins {command}", *arguments[1:]])


def run(main, argv=None):
    """Runs a command's `main(argv)`; a user's mistake is one line and status 1."""

    def guarded(argv):
        try:
            if len(argv) > 1 and not getattr(main, "takes_paths", False):
                raise InputError(f"unexpected argument {argv[1]!r}")
            return main(argv)
        except InputError as error:
            _fail(error)
        except Stopped as stop:
            print(f"keras-twins: {stop}", file=sys.stderr)
            sys.exit(EXIT_STATUS)
        except KeyboardInterrupt:
            _fail("interrupted")

    app.run(guarded, argv=argv or sys.argv, flags_parser=_parse)


def config():
    """The configuration of `--config`, locked and with its overrides."""
    try:
        # A file that could not be read is an error when something is first asked of it.
        flags.FLAGS.config.to_dict()
        return flags.FLAGS.config
    except Exception as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise InputError(f"--config: {reason}") from error


def define(make, name, *arguments, **keywords):
    """Defines a flag, unless a command imported before has one of this name."""
    if name not in flags.FLAGS:
        make(name, *arguments, **keywords)


def _help(module):
    """What a command says about itself: its docstring and its own flags, in order."""
    lines = [module.__doc__.strip(), "", "Flags:"]
    for name in flags.FLAGS:
        if not flags.FLAGS.find_module_defining_flag(name).startswith("keras_twins"):
            continue
        flag = flags.FLAGS[name]
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


def verbosity():
    """What `fit` is to show: a bar on a terminal, else a line an epoch."""
    return 1 if sys.stdout.isatty() else 2


def _parse(argv):
    argv = [_packaged(argument) for argument in argv]
    try:
        return flags.FLAGS(argv)
    except flags.Error as error:
        if any(a in ("--help", "-h", "--helpshort", "--helpfull") for a in argv):
            raise
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
    from keras_twins import configs

    return f"--config={os.path.dirname(configs.__file__)}/{match[1]}{match[2] or ''}"


def _override(argv, key):
    """The override among the arguments that names `key`, for a message."""
    for argument in argv:
        name = argument.split("=")[0].lstrip("-")
        if name.startswith("config.") and key in name.split("."):
            return f"--{name}"
    return "--config"


def start_tensorflow(keras=True):
    """Imports TensorFlow without what its C++ parts say before a level can be set.

    A command calls this before it uses TensorFlow; an import that fails is heard.

    TensorFlow's wheel switches oneDNN on by itself on processors with AVX-512 VNNI; on
    others a convolutional training step takes more than twice as long without it.

    The garbage collector, which finds nothing to free in an import, rests meanwhile: it
    takes a quarter of the import's time, and half a second of the interpreter's exit.

    Args:
        keras: bool. Whether TensorFlow imports Keras, which imports scikit-learn and
            Matplotlib where they are installed: a third of the time. What has no use
            for Keras starts without; `import keras` works later on nevertheless.
    """
    if not keras:
        sys.modules.setdefault("keras", None)  # TensorFlow goes on without it.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.set_verbosity(logging.WARNING)
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        gc.disable()
        try:
            import tensorflow as tf

            tf.config.list_physical_devices()
            tf.get_logger().setLevel("WARNING")  # It would tell more in a notebook.
        finally:
            if sys.modules.get("keras") is None:
                sys.modules.pop("keras", None)
            gc.freeze()
            gc.enable()
            os.dup2(stderr, 2)
            os.close(stderr)


def _fail(message):
    line = " ".join(str(message).split())
    print(f"keras-twins: {line}", file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main()
