"""`python -m keras_twins.report`: the same as `keras-twins report`."""

from keras_twins.commands import cli

cli.main("report")
