"""A folder of images."""

import functools

from keras_twins.data.explain import unreadable_image
from keras_twins.data.folder import FolderSource
from keras_twins.decode import host
from keras_twins.decode.images import ImageDecoder
from keras_twins.decode.modality import IMAGES


class ImageFolder(FolderSource):
    """The image files of a split of a folder.

    Args:
        path, split, label_file: as of `FolderSource`.
        levels: None, or `(low, high)`, as of `ImageDecoder`.
    """

    def __init__(self, path, split, label_file=None, levels=None):
        super().__init__(IMAGES, ImageDecoder(levels), path, split, label_file)

    @functools.cached_property
    def image_shape(self):
        """Read from the files' headers, only as far as both sides are seen to vary."""
        shape = None
        for path in self.paths:
            height, width = self._size(path)
            if shape is None:
                shape = [height, width]
            shape = [
                known if known == side else None
                for known, side in zip(shape, (height, width), strict=True)
            ]
            if shape == [None, None]:
                break
        return (*shape, 3)

    def _size(self, path):
        try:
            width, height = host.size(path)
        except host.ERRORS:
            # The decoder decides which files are images.
            unreadable = unreadable_image(self.decoder, path)
            if unreadable is not None:
                raise unreadable from None
            height, width, _ = self.decoder.read(path).shape
        return height, width
