"""Where a page finds the recordings that it plays."""

import os
import urllib.parse

from keras_twins.decode import playing


def address(path, folder):
    """The address of a recording, from the folder that the page lies in.

    Args:
        path: path of a file, which need not be there.
        folder: path of the folder.

    Returns:
        str; empty for a file that a browser does not play.
    """
    if playing.type_of(path) is None:
        return ""
    return urllib.parse.quote(os.fsencode(os.path.relpath(path, folder)))
