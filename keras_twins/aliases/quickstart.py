"""`python -m keras_twins.quickstart`: the same as `make quickstart`."""

from keras_twins.commands import quickstart

if __name__ == "__main__":
    quickstart.main()
