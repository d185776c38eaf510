"""Which keys of a configuration may change while a run goes on, and why."""

import json
import os

# Keys, or beginnings of keys, that leave the weights alone; docs/reliability.md has the
# same list.
ADJUSTABLE = {
    "data_dir": "a data set has the same images wherever it lies",
    "download": "a data set has the same images however it came",
    "labels": "evaluation alone looks at labels",
    "label_key": "evaluation alone looks at labels",
    "test_split": "evaluation alone looks at test images",
    "evaluation.": "evaluation looks at the weights and changes none",
    "checkpoint.": "checkpoints are copies of the weights",
    "collapse.": "it warns or ends the run, and changes no weight",
    "max_bad_images": "it ends the run, and leaves out no other files",
    "callbacks": "what they do to a run is their user's concern",
}

_FOLDER = "folder:"
_FILES = ("data_dir", "init_from", "labels")

# Keys whose values are written as absolute paths, where they are paths.
PATHS = ("dataset", *_FILES)


def with_absolute_paths(flat):
    """Flat configuration data whose files and folders are spelt in one way.

    Args:
        flat: dict of values by key, such as `{"dataset": "folder:~/photos/"}`.

    Returns:
        dict; a relative path is one of the current folder.
    """
    changed = {key: _absolute(flat[key]) for key in _FILES if flat.get(key)}
    dataset = flat.get("dataset")
    if isinstance(dataset, str) and dataset.startswith(_FOLDER):
        path = dataset.removeprefix(_FOLDER)
        if path:
            changed["dataset"] = _FOLDER + _absolute(path)
    return flat | changed


def differences(old, new):
    """What keeps a run from going on with another configuration.

    Args:
        old: dict of values by key, of the run.
        new: dict of values by key, as given.

    Returns:
        dict of texts by key, empty where the weights would be the same ones.
    """
    old, new = with_absolute_paths(old), with_absolute_paths(new)
    return {
        key: f"{key}: {json.dumps(old.get(key))} there, {json.dumps(new.get(key))} "
        "given"
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key) and not key.startswith(tuple(ADJUSTABLE))
    }


def _absolute(path):
    return os.path.abspath(os.path.expanduser(path))
