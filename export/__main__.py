"""`python -m keras_twins.export`: the same as `keras-twins export`."""

from keras_twins.commands import cli

cli.main("export")
