import subprocess
import sys

import pytest

from keras_twins.decode import errors, image_reasons

GRAPH = "\n\t [[{{node case/cond/Assert/Assert}}]] [Op:__inference_decode_12]"


@pytest.mark.parametrize(
    "reason",
    [
        image_reasons.NOT_AN_IMAGE,
        image_reasons.ANIMATED_WEBP,
        image_reasons.RARE_BMP,
        image_reasons.EMPTY_GIF,
        image_reasons.CUT_OFF_BMP,
        image_reasons.of_another_kind("JPEG 2000"),
        "claims -3 x 65000 pixels; 1 to 100 are decoded (max_pixels)",
        # As earlier releases say it.
        "claims -3 x 65000 pixels; 1 to 100 are decoded",
    ],
)
@pytest.mark.parametrize("label", ["a.png", "what [1] is this.png", "image_bytes[3]"])
def test_what_the_decoder_said_is_split_from_what_it_is_about(label, reason):
    message = f"{{{{function_node f}}}} assertion failed: [{label} {reason}]{GRAPH}"
    assert errors.label_and_reason(message) == (label, reason)
    assert errors.reason(message) == reason


def test_what_models_of_earlier_releases_say_is_kept():
    message = f"assertion failed: [image_bytes[3] is no picture]{GRAPH}"
    assert errors.label_and_reason(message) is None
    assert errors.reason(message) == "is no picture"


@pytest.mark.parametrize(
    "message",
    [
        "{{function_node __inference_f_1}} Invalid PNG data, size 5\n\t [[{{node X}}]]",
        "{{function_node __wrapped__X}} Invalid PNG data, size 5 [Op:DecodePng]",
        "Graph execution error:\n\nDetected at node X\n  File a.py\nInvalid PNG data, "
        "size 5\n\t [[{{node X}}]] [Op:__inference_f_2]",
    ],
)
def test_what_a_decoder_of_tensorflow_said_is_one_line(message):
    assert errors.reason(message) == "cannot be decoded: Invalid PNG data, size 5"
    assert errors.label_and_reason(message) is None


def test_clients_need_no_tensorflow():
    code = (
        "import sys; import keras_twins.decode.errors, keras_twins.decode.host, "
        "keras_twins.serving.client; assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
