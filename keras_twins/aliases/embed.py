"""`python -m keras_twins.embed`: the same as `keras-twins embed`."""

from keras_twins.commands import cli

if __name__ == "__main__":
    cli.main("embed")
