"""`python -m keras_twins.evaluate`: the same as `keras-twins evaluate`."""

from keras_twins.commands import cli

if __name__ == "__main__":
    cli.main("evaluate")
