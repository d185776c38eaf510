"""`python -m keras_twins.serve`: the same as `keras-twins serve`."""

from keras_twins.commands import cli

if __name__ == "__main__":
    cli.main("serve")
