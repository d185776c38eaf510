"""From a file's bytes to what an encoder takes.

Training, evaluation, the report and the exported model decode with the same object, so
that they cannot disagree about a file: `images.ImageDecoder` or `sounds.SoundDecoder`.
`host` and `errors` need no TensorFlow; clients use them.
"""
