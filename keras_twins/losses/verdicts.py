"""What several losses say of their terms."""

from keras_twins.losses.levels import Verdict

AGREEMENT = (
    Verdict("good", "they agree"),
    Verdict("note", "they agree in good part", "More epochs usually help."),
    Verdict(
        "warning",
        "they hardly agree",
        "Train longer, raise the learning rate, or make the views milder: larger "
        "crops first (`keras-twins views` shows them).",
    ),
)

SPREAD = (
    Verdict("good", "images spread over many directions"),
    Verdict("note", "images share some directions", "More epochs usually help."),
    Verdict(
        "warning",
        "images are all but the same (collapse)",
        "Lower the learning rate, and see that the projector has batch norm.",
    ),
)
