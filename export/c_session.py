"""Runs an exported model through TensorFlow's C interface, without its Python.

`TF_LoadSessionFromSavedModel` is the loader behind TensorFlow Serving. A model that
loads and answers here needs nothing of this package; an input that ends the process
here would end the server. Run as a script in a process of its own:

    python c_session.py LIBRARY VERSION_DIR CASES_DIR

CASES_DIR holds `cases.json`, a list of `{"input": [operation, index], "output":
[operation, index]}`. A case of strings has them there too, as `"strings"` in base64 and
their `"shape"`; another has a uint8 or float32 array `<n>.npy`. The answers are written
beside them: `answers.json`, a list of `{"code": int, "message": str}`, and
`<n>.answer.npy` for each with code 0.
"""

import base64
import ctypes
import json
import sys
from pathlib import Path

import numpy as np

_FLOAT, _UINT8, _STRING = 1, 4, 7
_TSTRING_BYTES = 24
# How TensorFlow numbers the types of what is fed.
_TYPES = {"float32": _FLOAT, "uint8": _UINT8, "object": _STRING}

_P = ctypes.c_void_p
_SIGNATURES = {
    "TF_NewStatus": (_P, []),
    "TF_GetCode": (ctypes.c_int, [_P]),
    "TF_Message": (ctypes.c_char_p, [_P]),
    "TF_NewGraph": (_P, []),
    "TF_NewSessionOptions": (_P, []),
    "TF_LoadSessionFromSavedModel": (
        _P,
        [_P, _P, ctypes.c_char_p, _P, ctypes.c_int, _P, _P, _P],
    ),
    "TF_GraphOperationByName": (_P, [_P, ctypes.c_char_p]),
    "TF_AllocateTensor": (_P, [ctypes.c_int, _P, ctypes.c_int, ctypes.c_size_t]),
    "TF_DeleteTensor": (None, [_P]),
    "TF_TensorData": (_P, [_P]),
    "TF_TensorType": (ctypes.c_int, [_P]),
    "TF_NumDims": (ctypes.c_int, [_P]),
    "TF_Dim": (ctypes.c_int64, [_P, ctypes.c_int]),
    "TF_StringInit": (None, [_P]),
    "TF_StringCopy": (None, [_P, ctypes.c_char_p, ctypes.c_size_t]),
    "TF_SessionRun": (
        None,
        [_P, _P, _P, _P, ctypes.c_int, _P, _P, ctypes.c_int, _P, ctypes.c_int, _P, _P],
    ),
}


class _Output(ctypes.Structure):
    _fields_ = [("operation", _P), ("index", ctypes.c_int)]


class CSession:
    """A SavedModel loaded by TensorFlow's C library.

    Args:
        library: path of `libtensorflow_cc`.
        version_dir: path of the SavedModel.

    Raises:
        RuntimeError: if the model does not load.
    """

    def __init__(self, library, version_dir):
        self._tf = ctypes.CDLL(str(library))
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(self._tf, name)
            function.restype, function.argtypes = result, arguments
        self._status = self._tf.TF_NewStatus()
        self._graph = self._tf.TF_NewGraph()
        tags = (ctypes.c_char_p * 1)(b"serve")
        self._session = self._tf.TF_LoadSessionFromSavedModel(
            self._tf.TF_NewSessionOptions(),
            None,
            str(version_dir).encode(),
            tags,
            len(tags),
            self._graph,
            None,
            self._status,
        )
        code, message = self._result()
        if code:
            raise RuntimeError(message)

    def run(self, feed, value, fetch):
        """Feeds one array and fetches one.

        Args:
            feed, fetch: pairs of an operation's name and its output's index.
            value: uint8 or float32 array, or one of bytes objects, of any shape.

        Returns:
            tuple `(code, message, array)`: TensorFlow's status (0 is OK, 3 is
            INVALID_ARGUMENT) and the answer, None unless the code is 0.
        """
        tensor = self._tensor(value)
        answer = _P()
        self._tf.TF_SessionRun(
            self._session,
            None,
            ctypes.byref(self._output(feed)),
            ctypes.byref(_P(tensor)),
            1,
            ctypes.byref(self._output(fetch)),
            ctypes.byref(answer),
            1,
            None,
            0,
            None,
            self._status,
        )
        self._tf.TF_DeleteTensor(tensor)
        code, message = self._result()
        return code, message, None if code else self._array(answer)

    def _result(self):
        message = self._tf.TF_Message(self._status).decode(errors="replace")
        return self._tf.TF_GetCode(self._status), message

    def _output(self, name_and_index):
        name, index = name_and_index
        operation = self._tf.TF_GraphOperationByName(self._graph, name.encode())
        return _Output(operation, index)

    def _tensor(self, value):
        is_string = value.dtype == object
        item = _TSTRING_BYTES if is_string else value.itemsize
        dims = (ctypes.c_int64 * value.ndim)(*value.shape)
        kind = _TYPES[value.dtype.name]
        tensor = self._tf.TF_AllocateTensor(kind, dims, value.ndim, value.size * item)
        data = self._tf.TF_TensorData(tensor)
        if is_string:
            for i, text in enumerate(value.ravel()):
                self._tf.TF_StringInit(data + i * item)
                self._tf.TF_StringCopy(data + i * item, text, len(text))
        elif value.size:
            ctypes.memmove(data, np.ascontiguousarray(value).ctypes.data, value.nbytes)
        return tensor

    def _array(self, tensor):
        if self._tf.TF_TensorType(tensor) != _FLOAT:
            raise RuntimeError("the embedding is not float32")
        rank = self._tf.TF_NumDims(tensor)
        shape = [self._tf.TF_Dim(tensor, axis) for axis in range(rank)]
        array = np.empty(shape, np.float32)
        if array.size:
            ctypes.memmove(
                array.ctypes.data, self._tf.TF_TensorData(tensor), array.nbytes
            )
        self._tf.TF_DeleteTensor(tensor)
        return array


def main(library, version_dir, cases_dir):
    cases_dir = Path(cases_dir)
    session = CSession(library, version_dir)
    answers = []
    for n, case in enumerate(json.loads((cases_dir / "cases.json").read_text())):
        if "strings" in case:
            value = np.empty(case["shape"], object)
            value.flat = [base64.b64decode(text) for text in case["strings"]]
        else:
            value = np.load(cases_dir / f"{n}.npy")
        code, message, array = session.run(case["input"], value, case["output"])
        answers.append({"code": code, "message": message})
        if array is not None:
            np.save(cases_dir / f"{n}.answer.npy", array)
    (cases_dir / "answers.json").write_text(json.dumps(answers))


if __name__ == "__main__":
    main(*sys.argv[1:])
