"""What an exported model calls a vector of encoded files."""

IMAGE_BYTES = "image_bytes"
AUDIO_BYTES = "audio_bytes"
ALL = (IMAGE_BYTES, AUDIO_BYTES)
