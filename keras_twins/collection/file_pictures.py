"""The picture of a file, whatever it holds: its first bytes say what that is."""

from PIL import Image

from keras_twins import spectrograms
from keras_twins.collection.measures import open_picture
from keras_twins.decode import host_log_mels, playing
from keras_twins.types import StrPath

_SIDE = 160  # of a spectrogram, in pixels


def picture_of(path: StrPath) -> Image.Image:
    """The picture of an image file, or the spectrogram of a recording.

    Args:
        path: path of a file. Of a recording, `playing.SECONDS` are seen at most.

    Returns:
        PIL image, RGB. A spectrogram is square, whatever the recording's length.

    Raises:
        OSError, Unreadable: for a file that is missing or cannot be decoded
            (`keras_twins.decode.host.ERRORS`).
    """
    if playing.is_recording(path):
        log_mel = host_log_mels.log_mel(path, playing.SECONDS)
        return spectrograms.thumbnail(log_mel, _SIDE)
    return open_picture(path)
