"""`python -m keras_twins.train`: the same as `keras-twins train`."""

from keras_twins.commands import cli

if __name__ == "__main__":
    cli.main("train")
