"""`python -m keras_twins.cli`: the same as `keras-twins`."""

from keras_twins.commands import cli

if __name__ == "__main__":
    cli.main()
