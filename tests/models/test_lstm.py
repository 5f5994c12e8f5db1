"""The LSTM over whole sequences computes what Keras's does, forwards and backwards."""

import numpy as np
import pytest

from dreamgym.models.lstm import lstm
from dreamgym.running.tensorflow import keras, tf

N, T, SIZE, H = 3, 7, 5, 4


@pytest.fixture(scope="module")
def layer():
    layer = keras.layers.LSTM(H, return_sequences=True, seed=1)
    layer.build((N, T, SIZE))
    rng = np.random.default_rng(0)
    for weight in layer.trainable_variables:
        weight.assign(rng.standard_normal(weight.shape).astype(np.float32))
    return layer


def slopes(compute, inputs, weights):
    """Outputs, and the gradients of a weighted sum of them by inputs and weights."""
    factors = np.random.default_rng(1).standard_normal((N, T, H)).astype(np.float32)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = compute(inputs)
        total = tf.reduce_sum(outputs * factors)
    return [outputs, *tape.gradient(total, [inputs, *weights])]


@pytest.mark.parametrize("how", ["by itself", "graph", "xla", "any batch"])
def test_it_is_keras_s(layer, how):
    inputs = tf.constant(np.random.default_rng(2).standard_normal((N, T, SIZE)).astype(np.float32))
    weights = layer.trainable_variables

    def ours(inputs):
        return slopes(lambda x: lstm(x, *(w.value for w in weights)), inputs, [w.value for w in weights])

    if how != "by itself":
        shape = tf.TensorSpec((None if how == "any batch" else N, T, SIZE), tf.float32)
        ours = tf.function(ours, input_signature=[shape], jit_compile=how == "xla")
    expected = slopes(layer, inputs, [w.value for w in weights])
    for mine, theirs in zip(ours(inputs), expected, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=2e-5)
