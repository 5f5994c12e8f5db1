"""M: the mixture density recurrent network of Ha & Schmidhuber (2018, appendix A.2), with heads for the game's end.

The Keras model here is the one that is trained; what dreams is :mod:`dreamgym.dynamics` on its arrays.
"""

import math
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from dreamgym.dynamics import LOG_SIGMA_BOUNDS, MemoryArrays


@keras.saving.register_keras_serializable("dreamgym")
class Memory(keras.Model):
    """M: an LSTM over ``(z, a)`` that forecasts the next ``z``, the reward's target and ``terminated``.

    Trained on a dict of float32 arrays: ``mu`` and ``logvar`` ``(n, T + 1, Z)``, ``action`` ``(n, T, A)``,
    ``target``, ``done`` and ``weight`` ``(n, T)``. Step t reads ``z_t`` and ``a_t`` and forecasts ``z_{t+1}``
    and what step t earned and ended; a step of weight 0 is padding, or warm-up.

    Args:
        latent_size: Z.
        action_size: A.
        hidden_size: H, the LSTM's units.
        n_mixtures: K Gaussians a latent dimension.
        target_scale: The standard deviation of the targets; their squared error is counted in its square.
        reward_weight: Of the reward's loss beside one nat per latent dimension.
        done_weight: Of the loss of ``terminated``.
        done_positive_weight: How much more a step that ended the game counts (rare, hence the paper's 10).
        seed: Of the initial weights and of the latents' noise.
    """

    def __init__(
        self,
        latent_size: int = 32,
        action_size: int = 3,
        hidden_size: int = 256,
        n_mixtures: int = 5,
        target_scale: float = 1.0,
        reward_weight: float = 1.0,
        done_weight: float = 1.0,
        done_positive_weight: float = 10.0,
        seed: int = 0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.latent_size, self.action_size, self.hidden_size = latent_size, action_size, hidden_size
        self.n_mixtures, self.target_scale, self.seed = n_mixtures, target_scale, seed
        self.reward_weight, self.done_weight = reward_weight, done_weight
        self.done_positive_weight = done_positive_weight
        self.noise = keras.random.SeedGenerator(seed)
        seeds = np.random.default_rng([seed, 2]).integers(2**31, size=3)
        self.lstm = layers.LSTM(
            hidden_size,
            return_sequences=True,
            seed=seed,
            kernel_initializer=keras.initializers.GlorotUniform(seed=int(seeds[0])),
            recurrent_initializer=keras.initializers.Orthogonal(seed=int(seeds[1])),
        )
        self.head = layers.Dense(
            3 * n_mixtures * latent_size + 2,
            kernel_initializer=keras.initializers.GlorotUniform(seed=int(seeds[2])),
        )
        names = ("loss", "nll", "reward_loss", "done_loss")
        self.trackers = {name: keras.metrics.Mean(name) for name in names}
        self.build(None)

    def build(self, input_shape: Any) -> None:
        """Makes all weights, so that a new M can be counted, saved and loaded into."""
        if not getattr(self, "built", False):
            self.head(self.lstm(ops.zeros((1, 1, self.latent_size + self.action_size))))
            self.built = True

    def call(self, batch: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """The forecast of every step and the ``z`` drawn anew from V's posterior: ``heads`` and ``z``."""
        mu, logvar = batch["mu"], batch["logvar"]
        z = mu + ops.exp(0.5 * logvar) * keras.random.normal(ops.shape(mu), seed=self.noise)
        inputs = ops.concatenate([z[:, :-1], batch["action"]], axis=-1)
        return {"heads": self.head(self.lstm(inputs)), "z": z}

    def nll(self, heads: Any, z: Any) -> Any:
        """The negative log likelihood of the next latents in nats a dimension, ``(n, T)``.

        Args:
            heads: ``(n, T, 3KZ + 2)``.
            z: The latents that came, ``(n, T, Z)``.
        """
        shape = (*ops.shape(z)[:2], 3, self.n_mixtures, self.latent_size)
        parts = ops.reshape(heads[..., :-2], shape)
        log_weights = ops.log_softmax(parts[:, :, 0], axis=2)
        log_sigma = ops.clip(parts[:, :, 2], *LOG_SIGMA_BOUNDS)
        distance = (z[:, :, None] - parts[:, :, 1]) * ops.exp(-log_sigma)
        log_density = log_weights - 0.5 * ops.square(distance) - log_sigma - 0.5 * math.log(2 * math.pi)
        return -ops.mean(ops.logsumexp(log_density, axis=2), axis=-1)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """One nat a latent dimension, one scaled squared error of the reward, one cross-entropy of the end."""
        heads, z = y_pred["heads"], y_pred["z"]
        total_weight = ops.sum(x["weight"])
        weight = x["weight"] / ops.maximum(total_weight, 1.0)
        nll = ops.sum(weight * self.nll(heads, z[:, 1:]))
        reward_loss = ops.sum(weight * ops.square((heads[..., -2] - x["target"]) / self.target_scale))
        logit, done = heads[..., -1], x["done"]
        entropy = ops.softplus(logit) - done * logit
        entropy = entropy * (1.0 + (self.done_positive_weight - 1.0) * done)
        done_loss = ops.sum(weight * entropy)
        loss = nll + self.reward_weight * reward_loss + self.done_weight * done_loss
        for tracker, value in zip(self.trackers.values(), (loss, nll, reward_loss, done_loss), strict=True):
            tracker.update_state(value, sample_weight=total_weight)
        return loss

    @property
    def metrics(self) -> list[Any]:
        """The parts of the loss, each logged by itself."""
        return list(self.trackers.values())

    def get_config(self) -> dict[str, Any]:
        """What the constructor takes."""
        names = ("latent_size", "action_size", "hidden_size", "n_mixtures", "target_scale", "reward_weight")
        return {name: getattr(self, name) for name in (*names, "done_weight", "done_positive_weight", "seed")}


def to_arrays(memory: Memory) -> MemoryArrays:
    """M as plain float32 arrays, the ones that dreams are made of."""
    cell, head = memory.lstm.cell, memory.head
    weights = (cell.kernel, cell.recurrent_kernel, cell.bias, head.kernel, head.bias)
    return MemoryArrays(*(weight.numpy() for weight in weights))


def load_arrays(memory: Memory, arrays: MemoryArrays) -> None:
    """Puts arrays of :func:`to_arrays` into a Keras M of the same sizes, to train on."""
    cell, head = memory.lstm.cell, memory.head
    weights = (cell.kernel, cell.recurrent_kernel, cell.bias, head.kernel, head.bias)
    for weight, array in zip(weights, arrays, strict=True):
        weight.assign(array)
