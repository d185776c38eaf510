"""Arrays from and to the `TensorProto` of gRPC."""

import math

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, types_pb2

from keras_twins.serving.status import invalid

# The field that holds each dtype's values where they are not packed.
_FIELDS = {
    tf.float32: "float_val",
    tf.float64: "double_val",
    tf.int8: "int_val",
    tf.int16: "int_val",
    tf.int32: "int_val",
    tf.uint8: "int_val",
    tf.uint16: "int_val",
    tf.int64: "int64_val",
    tf.uint32: "uint32_val",
    tf.uint64: "uint64_val",
    tf.bool: "bool_val",
    tf.string: "string_val",
}
_SIXTEEN_BITS = (tf.float16, tf.bfloat16)

# Few values may stand for many (the last is repeated), so the claim is checked.
_MOST_ELEMENTS = 2**28


def from_proto(proto, name):
    """Reads a tensor from a request.

    Args:
        proto: `TensorProto`.
        name: str. The input's name, for messages.

    Returns:
        array; of `object` with bytes for strings.

    Raises:
        ServingError: INVALID_ARGUMENT, if it is no valid tensor.
    """
    try:
        return _from_proto(proto)
    except (
        KeyError,
        TypeError,
        ValueError,
        OverflowError,
        tf.errors.InvalidArgumentError,
    ) as error:
        raise invalid(f"tensor parsing error: {name}: {error}") from error


def to_proto(array):
    """Writes an array as TensorFlow Serving does, values in the dtype's own field.

    Args:
        array: any that TensorFlow's session returns.

    Returns:
        `TensorProto`.
    """
    array = np.asarray(array)
    dtype = tf.as_dtype(array.dtype)
    proto = tensor_pb2.TensorProto(dtype=dtype.as_datatype_enum)
    # A scalar's shape has no axes, which is not the same as no shape.
    proto.tensor_shape.SetInParent()
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    if dtype in _FIELDS:
        getattr(proto, _FIELDS[dtype]).extend(array.ravel().tolist())
    elif dtype in _SIXTEEN_BITS:
        proto.half_val.extend(array.ravel().view(np.uint16).tolist())
    else:
        proto.tensor_content = array.tobytes()
    return proto


def type_name(dtype):
    """What TensorFlow's C++ side calls a dtype: `float` and `half`, say."""
    return types_pb2.DataType.Name(dtype.as_datatype_enum)[len("DT_") :].lower()


def _from_proto(proto):
    if not proto.dtype:
        raise ValueError("it has no dtype")
    dtype = tf.as_dtype(proto.dtype)
    shape = [dim.size for dim in proto.tensor_shape.dim]
    if proto.tensor_shape.unknown_rank or any(size < 0 for size in shape):
        raise ValueError("its shape is not known")
    count = math.prod(shape)
    if count > _MOST_ELEMENTS:
        raise ValueError(f"it has {count} elements, more than {_MOST_ELEMENTS}")
    if proto.tensor_content:
        if dtype == tf.string:
            # Each string's length, then their bytes, as only C++ packs them.
            strings = tf.io.parse_tensor(proto.SerializeToString(), tf.string)
            return np.array(strings.numpy(), object)
        return np.frombuffer(proto.tensor_content, dtype.as_numpy_dtype).reshape(shape)
    return _repeated(_values(proto, dtype), count, dtype).reshape(shape)


def _values(proto, dtype):
    if dtype == tf.string:
        values = np.empty(len(proto.string_val), object)
        values[:] = list(proto.string_val)
        return values
    if dtype in _SIXTEEN_BITS:
        return np.array(proto.half_val, np.uint16).view(dtype.as_numpy_dtype)
    # From a list NumPy refuses what does not fit, such as 300 for uint8.
    return np.array(list(getattr(proto, _FIELDS[dtype])), dtype.as_numpy_dtype)


def _repeated(values, count, dtype):
    if len(values) >= count:
        return values[:count]
    if len(values):
        fill = values[-1]
    else:
        fill = b"" if dtype == tf.string else 0
    whole = np.full(count, fill, values.dtype)
    whole[: len(values)] = values
    return whole
