"""Experiments: one file, one experiment, each a function `get_config`."""
