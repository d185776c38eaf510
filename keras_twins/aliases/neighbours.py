"""`python -m keras_twins.neighbours`: the same as `keras-twins neighbours`."""

from keras_twins.commands import cli

if __name__ == "__main__":
    cli.main("neighbours")
