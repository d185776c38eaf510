"""`python -m keras_twins.views`: the same as `keras-twins views`."""

from keras_twins.commands import cli

if __name__ == "__main__":
    cli.main("views")
