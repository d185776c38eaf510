"""The configuration files that this server and TensorFlow Serving both read.

Both are protocol buffers in text form: `ModelServerConfig`, which says what models and
versions are served, and `BatchingParameters`, which says how requests are gathered.
"""

import dataclasses
import functools
from pathlib import Path

from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    text_format,
    wrappers_pb2,
)

from keras_twins.errors import InputError


@dataclasses.dataclass(frozen=True)
class ModelSettings:
    """What is served under one name.

    Attributes:
        name: str.
        base_path: str. Folder that holds the versions.
        policy: "latest", "all" or "specific".
        versions: for "latest", how many; for "specific", a frozenset of numbers.
        labels: dict from label to version number.
    """

    name: str
    base_path: str
    policy: str = "latest"
    versions: int | frozenset = 1
    labels: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class BatchingSettings:
    """How requests are gathered into batches.

    Attributes:
        max_batch_size: int. Rows that run together.
        timeout_s: float. How long the first row waits for more, in seconds.
        threads: int. Batches that run at a time.
        max_queued_batches: int or None. Full batches that may wait; None for no limit.
    """

    max_batch_size: int = 32
    timeout_s: float = 0.0
    threads: int = 1
    max_queued_batches: int | None = None


def settings_of_folder(model_dir):
    """The settings for one folder: its newest version under the folder's name."""
    path = Path(model_dir).resolve()
    return [ModelSettings(path.name, str(path))]


def read_model_config(path):
    """Reads a `ModelServerConfig` file.

    Args:
        path: path of a text proto.

    Returns:
        list of `ModelSettings`.

    Raises:
        InputError: if it cannot be read, or asks for what is not served here.
    """
    # It imports TensorFlow, which a server with --model_dir starts later.
    from tensorflow_serving.config import model_server_config_pb2

    message = model_server_config_pb2.ModelServerConfig()
    flag = f"--model_config_file={path}"
    _parse(path, message, flag)
    try:
        return model_settings(message)
    except ValueError as error:
        raise InputError(f"{flag}: {error}") from error


def model_settings(message):
    """Turns a `ModelServerConfig` into settings.

    Returns:
        list of `ModelSettings`.

    Raises:
        ValueError: if it names no model, one twice, or another platform.
    """
    configs = message.model_config_list.config
    if not configs:
        raise ValueError("expected a model_config_list with one model or more")
    settings = {}
    for config in configs:
        if not config.name or not config.base_path:
            raise ValueError("every model needs a name and a base_path")
        if config.name in settings:
            raise ValueError(f"the model {config.name!r} is listed twice")
        if config.model_platform not in ("", "tensorflow"):
            raise ValueError(
                f"the model {config.name!r} is of platform "
                f"{config.model_platform!r}; expected 'tensorflow'"
            )
        policy, versions = _policy(config.model_version_policy)
        settings[config.name] = ModelSettings(
            config.name, config.base_path, policy, versions, dict(config.version_labels)
        )
    return list(settings.values())


def read_batching_parameters(path):
    """Reads a `BatchingParameters` file.

    Args:
        path: path of a text proto.

    Returns:
        `BatchingSettings`. `allowed_batch_sizes` are checked but batches are not
        padded to them: on a CPU the padding would cost as much as real rows.

    Raises:
        InputError: if it cannot be read or its values contradict each other.
    """
    message = _batching_class()()
    flag = f"--batching_parameters_file={path}"
    _parse(path, message, flag)
    default = BatchingSettings()

    def value(field, fallback, least):
        if not message.HasField(field):
            return fallback
        number = getattr(message, field).value
        if number < least:
            raise InputError(f"{flag}: {field} is {number}; expected {least} or more")
        return number

    limit = value("max_batch_size", default.max_batch_size, 1)
    size = min(limit, value("max_execution_batch_size", limit, 1))
    allowed = list(message.allowed_batch_sizes)
    if allowed and (sorted(set(allowed)) != allowed or allowed[-1] != size):
        raise InputError(
            f"{flag}: allowed_batch_sizes is {allowed}; expected ascending sizes that "
            f"end with the largest batch, {size}"
        )
    return BatchingSettings(
        max_batch_size=size,
        timeout_s=value("batch_timeout_micros", 0, 0) / 1e6,
        threads=value("num_batch_threads", default.threads, 1),
        max_queued_batches=value("max_enqueued_batches", None, 1),
    )


def _parse(path, message, flag):
    try:
        text_format.Parse(Path(path).read_text(), message)
    except OSError as error:
        raise InputError(f"{flag}: {error.strerror}") from error
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise InputError(f"{flag}: {error}") from error


def _policy(policy):
    kind = policy.WhichOneof("policy_choice") or "latest"
    if kind == "latest":
        return kind, policy.latest.num_versions or 1
    return kind, frozenset(policy.specific.versions) if kind == "specific" else 0


@functools.cache
def _batching_class():
    """The message `tensorflow.serving.BatchingParameters`.

    The package `tensorflow-serving-api` leaves its file out. In text form fields go
    by their names, so the numbers here matter to nobody.
    """
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="keras_twins/batching_parameters.proto",
        package="tensorflow.serving",
        syntax="proto3",
        dependency=[wrappers_pb2.DESCRIPTOR.name],
    )
    message = file.message_type.add(name="BatchingParameters")

    def add(name, **kind):
        number = len(message.field) + 1
        message.field.add(name=name, number=number, label=1, **kind)

    for name, wrapper in {
        "max_batch_size": "Int64Value",
        "batch_timeout_micros": "Int64Value",
        "max_enqueued_batches": "Int64Value",
        "num_batch_threads": "Int64Value",
        "max_execution_batch_size": "Int64Value",
        "enable_large_batch_splitting": "BoolValue",
        "thread_pool_name": "StringValue",
    }.items():
        add(name, type=field.TYPE_MESSAGE, type_name=f".google.protobuf.{wrapper}")
    add("pad_variable_length_inputs", type=field.TYPE_BOOL)
    add("allowed_batch_sizes", type=field.TYPE_INT64)
    message.field[-1].label = field.LABEL_REPEATED
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    descriptor = pool.FindMessageTypeByName("tensorflow.serving.BatchingParameters")
    return message_factory.GetMessageClass(descriptor)
