"""What an exported model calls a vector of encoded files."""

IMAGE_BYTES = "image_bytes"
