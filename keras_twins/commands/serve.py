"""Serves exported models over TensorFlow Serving's REST and gRPC interfaces.

    keras-twins serve --model_dir=DIR/embedder

For a laptop and for tests: clients that work with it work with TensorFlow Serving,
which reads the same configuration files.
"""

import functools
import os

from absl import flags as absl_flags

from keras_twins.commands import cli
from keras_twins.commands.startup import start_tensorflow
from keras_twins.errors import InputError


def define_flags(flags):
    string = functools.partial(absl_flags.DEFINE_string, flag_values=flags)
    integer = functools.partial(absl_flags.DEFINE_integer, flag_values=flags)
    number = functools.partial(absl_flags.DEFINE_float, flag_values=flags)
    string(
        "model_dir",
        None,
        "Folder of an exported model; its newest version is served under its name.",
    )
    string(
        "model_config_file",
        None,
        "Instead of --model_dir: TensorFlow Serving's ModelServerConfig, a text proto.",
    )
    string("host", "127.0.0.1", "Address to listen at; 0.0.0.0 is all.")
    integer("rest_port", 8501, "Port for REST; 0 takes a free one.", 0, 65_535)
    integer("grpc_port", 8500, "Port for gRPC; 0 takes a free one.", 0, 65_535)
    integer(
        "max_batch_size",
        32,
        "Images of many requests that run together.",
        lower_bound=1,
    )
    number(
        "batch_timeout_ms",
        0.0,
        "How long an image waits for others, in milliseconds. While a batch runs the "
        "next one gathers in any case.",
        lower_bound=0,
    )
    string(
        "batching_parameters_file",
        None,
        "Instead of the two above: TensorFlow Serving's BatchingParameters, a text "
        "proto.",
    )
    number(
        "poll_seconds", 1.0, "Pause between looks for new versions.", lower_bound=0.01
    )
    integer(
        "max_body_mib", 64, "Size of a request, in MiB; larger ones are refused.", 1
    )
    integer(
        "max_instances", 1024, "Images of one request; more are refused.", lower_bound=1
    )
    integer("max_requests", 256, "Requests at a time; others are told to try later.", 1)
    number(
        "request_timeout_s",
        30.0,
        "Seconds for a client to send a request, and for the server to answer it.",
        lower_bound=0.1,
    )


def main(flags, paths):
    if bool(flags.model_dir) == bool(flags.model_config_file):
        raise InputError("expected either --model_dir or --model_config_file")
    try:
        from keras_twins.serving.addresses import Addresses
        from keras_twins.serving.models import check_folder

        # Before TensorFlow, whose import takes seconds.
        if flags.model_dir:
            check_folder(flags.model_dir)
        addresses = Addresses(flags.host, flags.rest_port, flags.grpc_port)
        # gRPC writes of its own accord.
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
        start_tensorflow(keras=False)
        from keras_twins.serving import config, core, server
    except ImportError as error:
        raise InputError(
            f"{error}; the server needs: pip install 'keras-twins[serving]'"
        ) from error

    if flags.model_config_file:
        settings = config.read_model_config(flags.model_config_file)
    else:
        settings = config.settings_of_folder(flags.model_dir)
    if flags.batching_parameters_file:
        batching = config.read_batching_parameters(flags.batching_parameters_file)
    else:
        batching = config.BatchingSettings(
            flags.max_batch_size, flags.batch_timeout_ms / 1000
        )
    limits = core.Limits(
        body_bytes=flags.max_body_mib * 2**20,
        instances=flags.max_instances,
        requests=flags.max_requests,
        seconds=flags.request_timeout_s,
    )
    server.serve(addresses, settings, batching, limits, flags.poll_seconds)


if __name__ == "__main__":
    cli.main("serve")
