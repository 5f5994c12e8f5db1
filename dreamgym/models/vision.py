"""V in Keras: the variational autoencoder of Ha & Schmidhuber (2018, appendix A.1)."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from dreamgym.models.replicas import normal_like, replicas
from dreamgym.models.vision_numpy import DECODER_FILTERS, DECODER_KERNELS, ENCODER_FILTERS
from dreamgym.running.seeding import Stream, generator
from dreamgym.running.tensorflow import keras, standard_config, tf

layers, ops = keras.layers, keras.ops


@keras.saving.register_keras_serializable("dreamgym")
class Vision(keras.Model):
    """V: encodes 64x64 RGB frames to a diagonal Gaussian over latents, and decodes latents to frames.

    Args:
        latent_size: Z. With 32, V has the paper's 4,348,547 parameters.
        kl_tolerance: Floor of the KL term, in nats per latent dimension. The paper uses 0.5.
        seed: Decides the initial weights and the posterior's noise.
        contrast: A pixel's squared error counts ``1 + contrast * |error|`` times. At 0, as in the paper, a small bright
            thing is not worth learning for long.
    """

    def __init__(
        self,
        latent_size: int = 32,
        kl_tolerance: float = 0.5,
        seed: int = 0,
        *,
        contrast: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.latent_size, self.kl_tolerance, self.seed, self.contrast = latent_size, kl_tolerance, seed, contrast
        self.noise = keras.random.SeedGenerator(seed)
        seeds = generator(seed, Stream.VISION_WEIGHTS).integers(2**31, size=11)
        init = iter([keras.initializers.GlorotUniform(seed=int(number)) for number in seeds])
        self.convolutions = [
            layers.Conv2D(n, 4, strides=2, activation="relu", kernel_initializer=next(init), name=f"encoder_{i}")
            for i, n in enumerate(ENCODER_FILTERS)
        ]
        self.mu = layers.Dense(latent_size, kernel_initializer=next(init), name="mu")
        self.logvar = layers.Dense(latent_size, kernel_initializer=next(init), name="logvar")
        activations = ("relu", "relu", "relu", None)
        self.decoder_dense = layers.Dense(1024, kernel_initializer=next(init), name="decoder_dense")
        self.deconvolutions = [
            layers.Conv2DTranspose(n, k, strides=2, activation=a, kernel_initializer=next(init), name=f"decoder_{i}")
            for i, (n, k, a) in enumerate(zip(DECODER_FILTERS, DECODER_KERNELS, activations, strict=True))
        ]
        self.trackers = {name: keras.metrics.Mean(name) for name in ("loss", "reconstruction", "kl")}
        self.build((None, 64, 64, 3))

    def build(self, input_shape: Any) -> None:
        """Creates all weights. The constructor calls it, so that a new V can be saved and loaded into."""
        if not getattr(self, "built", False):
            x = self.decoder_dense(self.encode(ops.zeros((1, 64, 64, 3), "uint8"))[0])
            x = ops.reshape(x, (-1, 1, 1, 1024))
            for layer in self.deconvolutions:
                x = layer(x)
            self.built = True

    def encode(self, frames: Any) -> tuple[Any, Any]:
        """Encodes uint8 frames ``(n, 64, 64, 3)`` to ``mu`` and ``logvar``, float32 ``(n, Z)`` each."""
        x = ops.cast(frames, "float32") / 255.0
        for layer in self.convolutions:
            x = layer(x)
        x = ops.reshape(x, (-1, 1024))
        return self.mu(x), self.logvar(x)

    def decode(self, z: Any) -> Any:
        """Decodes latents ``(n, Z)`` to pixel logits ``(n, 64, 64, 3)``. Their sigmoid is a frame scaled to [0, 1]."""
        first, *middle, last = self.deconvolutions
        x = _spread(self.decoder_dense(z), first)
        for layer in middle:
            x = layer(x)
        return _by_blocks(x, last)

    def call(self, frames: Any, training: bool = False) -> tuple[Any, Any, Any]:
        """Encodes uint8 frames, samples ``z`` and decodes it. Returns pixel logits, ``mu`` and ``logvar``."""
        mu, logvar = self.encode(frames)
        z = mu + ops.exp(0.5 * logvar) * normal_like(mu, self.noise)
        return self.decode(z), mu, logvar

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """The mean over frames of the summed pixel error plus ``max(KL, kl_tolerance * Z)``.

        ``reconstruction`` is the squared error alone, whatever the contrast.
        """
        logits, mu, logvar = y_pred
        error = ops.sigmoid(logits) - ops.cast(x, "float32") / 255.0
        square = ops.square(error)
        reconstruction = ops.mean(ops.sum(square, axis=(1, 2, 3)))
        counted = reconstruction
        if self.contrast:
            counted += self.contrast * ops.mean(ops.sum(square * ops.abs(error), axis=(1, 2, 3)))
        divergence = -0.5 * ops.sum(1.0 + logvar - ops.square(mu) - ops.exp(logvar), axis=1)
        kl = ops.mean(ops.maximum(divergence, self.kl_tolerance * self.latent_size))
        loss = counted + kl
        for tracker, value in zip(self.trackers.values(), (loss, reconstruction, kl), strict=True):
            tracker.update_state(value, sample_weight=ops.shape(mu)[0])
        return loss / replicas()  # Keras adds up the gradients of all devices

    @property
    def metrics(self) -> list[Any]:
        """The loss, the squared error and the KL term."""
        return list(self.trackers.values())

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain JSON data."""
        names = ("latent_size", "kl_tolerance", "seed", "contrast")
        return {name: getattr(self, name) for name in names}


def _spread(x: Any, layer: Any) -> Any:
    """What a transposed convolution makes of one pixel ``(n, C)``: one matrix product.

    TensorFlow's convolution takes four times as long on a CPU.
    """
    side, _, filters, channels = layer.kernel.shape
    pixels = ops.matmul(x, ops.transpose(ops.reshape(layer.kernel, (-1, channels))))
    return layer.activation(ops.reshape(pixels, (-1, side, side, filters)) + layer.bias)


def _by_blocks(x: Any, layer: Any) -> Any:
    """A transposed convolution of even kernel size and stride 2, as a convolution that gives 2x2 pixels at once.

    For three colours, TensorFlow's own takes several times as long on a CPU.
    """
    side, _, filters, channels = layer.kernel.shape
    half = side // 2
    kernel = ops.reshape(layer.kernel, (half, 2, half, 2, filters, channels))
    kernel = ops.transpose(ops.flip(kernel, (0, 2)), (0, 2, 5, 1, 3, 4))
    padded = ops.pad(x, ((0, 0), (half - 1, half - 1), (half - 1, half - 1), (0, 0)))
    blocks = ops.conv(padded, ops.reshape(kernel, (half, half, channels, 4 * filters)), padding="valid")
    n = x.shape[1] + half - 1
    pixels = ops.transpose(ops.reshape(blocks, (-1, n, n, 2, 2, filters)), (0, 1, 3, 2, 4, 5))
    return ops.reshape(pixels, (-1, 2 * n, 2 * n, filters)) + layer.bias


def _layers(vision: Vision) -> list[Any]:
    return [*vision.convolutions, vision.mu, vision.logvar, vision.decoder_dense, *vision.deconvolutions]


def to_arrays(vision: Vision) -> dict[str, np.ndarray]:
    """Copies V's weights to float32 arrays ``<layer>_kernel`` and ``<layer>_bias``, in Keras's layouts."""
    arrays: dict[str, np.ndarray] = {}
    for layer in _layers(vision):
        arrays |= {f"{layer.name}_kernel": layer.kernel.numpy(), f"{layer.name}_bias": layer.bias.numpy()}
    return arrays


def from_arrays(
    arrays: Mapping[str, np.ndarray], seed: int = 0, kl_tolerance: float = 0.5, contrast: float = 0.0
) -> Vision:
    """A trainable V with these weights. ``seed`` decides the posterior's noise."""
    vision = Vision(arrays["mu_bias"].shape[0], kl_tolerance, seed, contrast=contrast)
    for layer in _layers(vision):
        layer.kernel.assign(arrays[f"{layer.name}_kernel"])
        layer.bias.assign(arrays[f"{layer.name}_bias"])
    return vision


_BATCH_MULTIPLE = 32


class BatchVision:
    """V for many frames: encodes and decodes them in batches with compiled TensorFlow functions."""

    def __init__(self, arrays: Mapping[str, np.ndarray], batch_size: int = 256):
        with standard_config():
            vision = from_arrays(arrays)
        self.batch_size = batch_size
        self._encode = tf.function(vision.encode, reduce_retracing=True)
        self._decode = tf.function(
            lambda z: tf.cast(tf.sigmoid(vision.decode(z)) * 255.0 + 0.5, tf.uint8), reduce_retracing=True
        )

    def encode(self, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Encodes uint8 frames ``(n, 64, 64, 3)``, n > 0, to ``mu`` and ``logvar``, float32 ``(n, Z)`` each.

        The result for a frame does not depend on the others.
        """
        n = len(frames)
        # A batch of one frame is computed in another way than larger ones, and rounded differently.
        frames = np.concatenate([frames, np.zeros((-n % _BATCH_MULTIPLE, *frames.shape[1:]), frames.dtype)])
        parts = [self._encode(frames[i : i + self.batch_size]) for i in range(0, len(frames), self.batch_size)]
        return np.concatenate([p[0] for p in parts])[:n], np.concatenate([p[1] for p in parts])[:n]

    def decode(self, z: np.ndarray) -> np.ndarray:
        """Decodes float32 latents ``(n, Z)``, n > 0, to uint8 frames ``(n, 64, 64, 3)``."""
        return np.concatenate([self._decode(z[i : i + self.batch_size]) for i in range(0, len(z), self.batch_size)])
