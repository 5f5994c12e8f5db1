"""Whether V in NumPy is the V that Keras trained."""

import numpy as np
import pytest

from dreamgym.models import vision_numpy as convolution
from dreamgym.models.vision import Vision, from_arrays, to_arrays


@pytest.fixture(scope="module")
def vision():
    """A V with biases and weights large enough for pictures of every grey."""
    arrays = to_arrays(Vision(latent_size=3, seed=4))
    rng = np.random.default_rng(0)
    for name, array in arrays.items():
        if name.endswith("bias"):
            arrays[name] = (0.3 * rng.standard_normal(array.shape)).astype(np.float32)
        elif name.startswith("decoder"):
            arrays[name] = array * np.float32(2)
    return from_arrays(arrays)


@pytest.mark.parametrize("n", [1, 3])
def test_frames_are_encoded_as_keras_does(vision, n):
    frames = np.random.default_rng(1).integers(0, 256, (n, 64, 64, 3)).astype(np.uint8)
    for own, keras in zip(convolution.encode(to_arrays(vision), frames), vision.encode(frames), strict=True):
        assert own.dtype == np.float32
        assert own.shape == (n, 3)
        assert own.std() > 1e-2
        np.testing.assert_allclose(own, keras, atol=1e-4)


@pytest.mark.parametrize("n", [1, 3])
def test_latents_are_decoded_as_keras_does(vision, n):
    z = np.random.default_rng(2).standard_normal((n, 3)).astype(np.float32) * 2
    own = convolution.decode(to_arrays(vision), z)
    keras = 255 / (1 + np.exp(-np.asarray(vision.decode(z), np.float64)))
    assert own.dtype == np.uint8
    assert own.shape == (n, 64, 64, 3)
    assert keras.std() > 10, "a picture, not a wall"
    assert np.abs(own - keras).max() <= 0.51, "rounded, not cut"


def test_a_view_of_frames_is_encoded_as_its_copy_is(vision):
    frames = np.random.default_rng(3).integers(0, 256, (4, 64, 64, 3)).astype(np.uint8)
    arrays = to_arrays(vision)
    for a, b in zip(
        convolution.encode(arrays, frames[::2, ::-1]), convolution.encode(arrays, frames[::2, ::-1].copy()), strict=True
    ):
        np.testing.assert_array_equal(a, b)


def test_no_frames_are_none(vision):
    mu, logvar = convolution.encode(to_arrays(vision), np.zeros((0, 64, 64, 3), np.uint8))
    assert mu.shape == logvar.shape == (0, 3)
    assert convolution.decode(to_arrays(vision), np.zeros((0, 3), np.float32)).shape == (0, 64, 64, 3)


@pytest.mark.parametrize("latent_size", [3, 32])
def test_the_shapes_listed_are_those_of_v(vision, latent_size):
    arrays = to_arrays(vision if latent_size == 3 else Vision(latent_size))
    assert {name: array.shape for name, array in arrays.items()} == convolution.array_shapes(latent_size)
