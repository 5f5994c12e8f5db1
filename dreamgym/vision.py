"""V: the variational autoencoder of Ha & Schmidhuber (2018, appendix A.1), in Keras."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from dreamgym.convolution import DECODER_FILTERS, DECODER_KERNELS, ENCODER_FILTERS


@keras.saving.register_keras_serializable("dreamgym")
class Vision(keras.Model):
    """V: 64x64x3 uint8 frames to and from a Gaussian over ``latent_size`` latents.

    Called on frames ``(n, 64, 64, 3)`` uint8 it gives ``(picture, mu, logvar)``, the picture as logits.

    Args:
        latent_size: Z. 32 gives the paper's 4,348,547 parameters.
        kl_tolerance: The KL term's floor, in nats a latent (the paper's 0.5).
        seed: Of the initial weights and of the posterior's noise.
    """

    def __init__(self, latent_size: int = 32, kl_tolerance: float = 0.5, seed: int = 0, **kwargs: Any):
        super().__init__(**kwargs)
        self.latent_size, self.kl_tolerance, self.seed = latent_size, kl_tolerance, seed
        self.noise = keras.random.SeedGenerator(seed)
        init = _initializers(seed)
        self.convolutions = [
            layers.Conv2D(n, 4, strides=2, activation="relu", kernel_initializer=next(init), name=f"encoder_{i}")
            for i, n in enumerate(ENCODER_FILTERS)
        ]
        self.mu = layers.Dense(latent_size, kernel_initializer=next(init), name="mu")
        self.logvar = layers.Dense(latent_size, kernel_initializer=next(init), name="logvar")
        self.decoder_dense = layers.Dense(1024, kernel_initializer=next(init), name="decoder_dense")
        self.deconvolutions = [
            layers.Conv2DTranspose(
                n,
                k,
                strides=2,
                activation="relu" if i < 3 else None,
                kernel_initializer=next(init),
                name=f"decoder_{i}",
            )
            for i, (n, k) in enumerate(zip(DECODER_FILTERS, DECODER_KERNELS, strict=True))
        ]
        self.trackers = {name: keras.metrics.Mean(name) for name in ("loss", "reconstruction", "kl")}
        self.build((None, 64, 64, 3))

    def build(self, input_shape: Any) -> None:
        """Makes all weights, so that a new V can be counted, saved and loaded into."""
        if not getattr(self, "built", False):
            self.decode(self.encode(ops.zeros((1, 64, 64, 3), "uint8"))[0])
            self.built = True

    def encode(self, frames: Any) -> tuple[Any, Any]:
        """``mu`` and ``logvar``, ``(n, Z)`` float32, of uint8 frames ``(n, 64, 64, 3)``."""
        x = ops.cast(frames, "float32") / 255.0
        for layer in self.convolutions:
            x = layer(x)
        x = ops.reshape(x, (-1, 1024))
        return self.mu(x), self.logvar(x)

    def decode(self, z: Any) -> Any:
        """The logits of pictures ``(n, 64, 64, 3)`` for ``z`` of shape ``(n, Z)``."""
        x = ops.reshape(self.decoder_dense(z), (-1, 1, 1, 1024))
        for layer in self.deconvolutions:
            x = layer(x)
        return x

    def call(self, frames: Any, training: bool = False) -> tuple[Any, Any, Any]:
        """Encodes, draws ``z`` from the posterior, decodes."""
        mu, logvar = self.encode(frames)
        z = mu + ops.exp(0.5 * logvar) * keras.random.normal(ops.shape(mu), seed=self.noise)
        return self.decode(z), mu, logvar

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Squared error summed over the picture plus the KL divergence with its floor, mean over the batch."""
        logits, mu, logvar = y_pred
        error = ops.sigmoid(logits) - ops.cast(x, "float32") / 255.0
        reconstruction = ops.mean(ops.sum(ops.square(error), axis=(1, 2, 3)))
        divergence = -0.5 * ops.sum(1.0 + logvar - ops.square(mu) - ops.exp(logvar), axis=1)
        kl = ops.mean(ops.maximum(divergence, self.kl_tolerance * self.latent_size))
        loss = reconstruction + kl
        for name, value in (("loss", loss), ("reconstruction", reconstruction), ("kl", kl)):
            self.trackers[name].update_state(value, sample_weight=ops.shape(mu)[0])
        return loss

    @property
    def metrics(self) -> list[Any]:
        """The parts of the loss, each logged by itself."""
        return list(self.trackers.values())

    def get_config(self) -> dict[str, Any]:
        """What the constructor takes."""
        return {"latent_size": self.latent_size, "kl_tolerance": self.kl_tolerance, "seed": self.seed}


def _initializers(seed: int) -> Any:
    """Glorot initializers, each with a seed of its own drawn from ``seed``."""
    rng = np.random.default_rng([seed, 1])
    while True:
        yield keras.initializers.GlorotUniform(seed=int(rng.integers(2**31)))


def _layers(vision: Vision) -> list[Any]:
    return [*vision.convolutions, vision.mu, vision.logvar, vision.decoder_dense, *vision.deconvolutions]


def to_arrays(vision: Vision) -> dict[str, np.ndarray]:
    """V as named float32 arrays: ``<layer>_kernel`` and ``<layer>_bias``, in Keras's layouts."""
    arrays = {}
    for layer in _layers(vision):
        arrays[f"{layer.name}_kernel"] = layer.kernel.numpy()
        arrays[f"{layer.name}_bias"] = layer.bias.numpy()
    return arrays


def from_arrays(arrays: Mapping[str, np.ndarray], seed: int = 0, kl_tolerance: float = 0.5) -> Vision:
    """A trainable V with the weights of :func:`to_arrays`; ``seed`` is that of its noise."""
    vision = Vision(arrays["mu_bias"].shape[0], kl_tolerance, seed)
    for layer in _layers(vision):
        layer.kernel.assign(arrays[f"{layer.name}_kernel"])
        layer.bias.assign(arrays[f"{layer.name}_bias"])
    return vision


class BatchVision:
    """V compiled for batches: what :class:`dreamgym.world_model.WorldModel` encodes many frames with."""

    def __init__(self, arrays: Mapping[str, np.ndarray], batch_size: int = 256):
        import tensorflow as tf

        vision = from_arrays(arrays)
        self.batch_size = batch_size
        self._encode = tf.function(vision.encode, reduce_retracing=True)
        self._decode = tf.function(
            lambda z: tf.cast(tf.sigmoid(vision.decode(z)) * 255.0 + 0.5, tf.uint8), reduce_retracing=True
        )

    def encode(self, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """``mu`` and ``logvar``, ``(n, Z)`` each, of uint8 frames ``(n, 64, 64, 3)``."""
        parts = [self._encode(frames[i : i + self.batch_size]) for i in range(0, len(frames), self.batch_size)]
        return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])

    def decode(self, z: np.ndarray) -> np.ndarray:
        """Frames ``(n, 64, 64, 3)`` uint8 of latents ``(n, Z)``."""
        parts = [self._decode(z[i : i + self.batch_size]) for i in range(0, len(z), self.batch_size)]
        return np.concatenate(parts)
