"""The argument of the note (arXiv 2104.13712), measured: `make reproduce ROWS=note`."""
