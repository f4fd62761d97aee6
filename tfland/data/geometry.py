"""Flips and linear maps of a square image about its centre."""

import tensorflow as tf


def flip(image: tf.Tensor, draw: tf.Tensor) -> tf.Tensor:
    """Mirrors [S, S, 3] left to right where the scalar `draw` in [0, 1) is below a half."""
    # Not image[:, ::-1]: a strided slice takes eight times as long.
    return tf.cond(draw < 0.5, lambda: tf.reverse(image, [1]), lambda: image)


def rotate(image: tf.Tensor, angle: tf.Tensor) -> tf.Tensor:
    """Turns [S, S, 3] float32 counter-clockwise about its centre by `angle` radians; corners filled by reflection."""
    cosine, sine = tf.cos(angle), tf.sin(angle)
    return warp(image, cosine, -sine, sine, cosine, 0.0, 0.0)


def warp(
    image: tf.Tensor, xx: tf.Tensor, xy: tf.Tensor, yx: tf.Tensor, yy: tf.Tensor, shift_x: tf.Tensor, shift_y: tf.Tensor
) -> tf.Tensor:
    """Reads the output pixel at (x, y) from the centre at (xx x + xy y + shift_x, yx x + yy y + shift_y).

    Args:
        image: [S, S, 3] float32.
        xx: of the linear map, as are `xy`, `yx` and `yy`: scalars without unit.
        xy: see `xx`.
        yx: see `xx`.
        yy: see `xx`.
        shift_x: in pixels.
        shift_y: in pixels.

    Returns:
        [S, S, 3] float32; what lies outside the image is filled by reflection.
    """
    size = image.shape[0]
    centre = (size - 1) / 2
    offset_x = centre - xx * centre - xy * centre + shift_x
    offset_y = centre - yx * centre - yy * centre + shift_y
    warped = tf.raw_ops.ImageProjectiveTransformV3(
        images=image[None],
        transforms=tf.stack([xx, xy, offset_x, yx, yy, offset_y, 0.0, 0.0])[None],
        output_shape=[size, size],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="REFLECT",
    )
    return warped[0]
