"""Whether numbers can be pixels: other arrays of three axes are no pictures."""


def check_pixels(lowest, highest, value_range=(0, 255)):
    """Raises ValueError for values that no image has.

    Of images that were resized, some values may lie a little outside of the range, as
    cubic filters overshoot. Log-mels and standardised images do not look like that:
    they have values far below black, and none that is far above it.

    Args:
        lowest, highest: numbers, of the values of an array.
        value_range: pair of numbers, black and white.
    """
    lowest, highest, (black, white) = float(lowest), float(highest), value_range
    below, above, width = black - lowest, highest - black, white - black
    is_far = below > width or above > 2 * width
    if is_far or (above <= 0.1 * width and below > max(0.2 * above, 1e-3 * width)):
        raise ValueError(
            f"These are not the pixels of images. Expected values in {black:g}.."
            f"{white:g}; views of log-mels are made by kt.augment.TwoSoundViews. "
            f"Received: values in {lowest:.4g}..{highest:.4g}"
        )
