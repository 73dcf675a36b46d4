"""The graph of an image feature: decoded, brought to one size, brightness from 0 to 1.

The network reads a picture from top to bottom, a row of pixels a step.
"""

import keras
import tensorflow as tf

from models.features.analyzers import Analyzers, Learnt
from models.features.image import Options
from models.features.sequences import sequence_inputs
from models.layers.sequence import Sequence

Encoded = Sequence | keras.KerasTensor


def preprocess(
    options: Options, name: str, raw: tf.Tensor, analyzers: Analyzers
) -> dict[str, tf.Tensor | tf.RaggedTensor]:
    """Pictures to rows of pixels.

    Args:
        options: the feature's options.
        name: the feature's name.
        raw: string ``[batch]``, files' content, or float32 ``[batch, *options.pixels]``.
        analyzers: not asked: nothing is learnt.

    Returns:
        ``{name: float32 [batch, height, width * channels]}``, of ragged rows unless ``per_step``.

    Raises:
        tf.errors.InvalidArgumentError: (when run) a file is no picture.
    """
    if options.pixels is None:
        size = tf.TensorSpec([options.height, options.width, options.channels], tf.float32)
        fitted = tf.map_fn(
            lambda content: _fitted(options, _decoded(options, content)),
            raw,
            fn_output_signature=size,
        )
    else:
        pictures = raw / options.brightest
        came, wanted = options.pixels[2], options.channels
        if came != wanted:
            convert = tf.image.grayscale_to_rgb if came == 1 else tf.image.rgb_to_grayscale
            pictures = convert(pictures)
        fitted = _fitted(options, pictures)
    rows = tf.reshape(fitted, [-1, options.height, options.width * options.channels])
    if options.per_step:
        return {name: rows}
    heights = tf.fill([tf.shape(rows)[0]], tf.constant(options.height, tf.int64))
    pixels = tf.reshape(rows, [-1, options.width * options.channels])
    # Transform writes no ragged tensor whose type says that all of its rows have one length.
    return {name: tf.RaggedTensor.from_row_lengths(pixels, heights)}


def _decoded(options: Options, content: tf.Tensor) -> tf.Tensor:
    """A file's picture, float32 ``[height, width, channels]`` from 0 to 1."""
    picture = tf.io.decode_image(content, options.channels, expand_animations=False)
    picture.set_shape([None, None, options.channels])
    return tf.cast(picture, tf.float32) / 255.0


def _fitted(options: Options, pictures: tf.Tensor) -> tf.Tensor:
    """Pictures ``[..., height, width, channels]`` in the size that the options say."""
    if options.fit == "resize":
        return tf.image.resize(pictures, [options.height, options.width])
    return tf.image.resize_with_crop_or_pad(pictures, options.height, options.width)


def keras_inputs(options: Options, name: str) -> dict[str, keras.KerasTensor]:
    """The network's inputs: rows ``[batch, height, width * channels]`` and lengths ``[batch]``.

    With ``per_step`` there are no lengths: a step is one picture as a whole.
    """
    width = options.width * options.channels
    if options.per_step:
        return {name: keras.Input((options.height, width), dtype="float32", name=name)}
    return sequence_inputs(name, "float32", (width,))


def encode(
    options: Options,
    name: str,
    inputs: dict[str, keras.KerasTensor],
    learnt: Learnt,
    embedding_size: int,
) -> Encoded:
    """The rows as they are, with their lengths; with ``per_step`` all pixels side by side."""
    if options.per_step:
        pixels = options.height * options.width * options.channels
        return keras.layers.Reshape((pixels,), name=f"{name}.pixels")(inputs[name])
    return Sequence(inputs[name], inputs[f"{name}_length"])
