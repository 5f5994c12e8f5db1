"""The dream and the latent env for gym 0.26, the predecessor of Gymnasium.

gym calls :func:`register_envs`, an entry point of its group ``gym.envs``, while gym itself is being imported. So this
module imports only parts of gym that are loaded by then. It imports the envs when one is made.
"""

from typing import Any

import gymnasium
import numpy as np

from dreamgym.envs.copies import WholeCopies


def register_envs() -> None:
    """Registers ``WorldModelDream-v0`` and ``WorldModelLatent-v0`` with gym, unless they are registered.

    ``disable_env_checker`` is set because gym's checker uses names that NumPy 2 removed.
    """
    from gym.envs.registration import register, registry

    for env_id, creator in (("WorldModelDream-v0", "make_dream"), ("WorldModelLatent-v0", "make_latent")):
        if env_id not in registry:
            register(env_id, entry_point=f"{__name__}:{creator}", disable_env_checker=True)


from gym import spaces  # noqa: E402  (importing gym calls register_envs)
from gym.core import Env  # noqa: E402


def legacy_space(space: gymnasium.Space) -> spaces.Space:
    """Converts a Gymnasium Box or Discrete space to gym's."""
    if isinstance(space, gymnasium.spaces.Discrete):
        return spaces.Discrete(int(space.n), start=int(space.start))
    assert isinstance(space, gymnasium.spaces.Box)
    return spaces.Box(space.low, space.high, space.shape, space.dtype.type)


class LegacyEnv(WholeCopies, Env):
    """A Gymnasium env as a gym env: gym 0.26 has the same ``reset`` and ``step``, but its own classes of spaces."""

    def __init__(self, env: gymnasium.Env):
        self.env = env
        self.metadata = dict(env.metadata)
        self.render_mode = env.render_mode
        self.observation_space = legacy_space(env.observation_space)
        self.action_space = legacy_space(env.action_space)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        """Returns the Gymnasium env's observation and info."""
        super().reset(seed=seed)
        return self.env.reset(seed=seed, options=options)

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Returns the Gymnasium env's observation, reward, terminated, truncated and info."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        return observation, float(reward), terminated, truncated, info

    def render(self) -> Any:
        """Returns the picture, uint8 ``(height, width, 3)``, or None if there is no render mode."""
        return self.env.render()

    def close(self) -> None:
        """Closes the Gymnasium env."""
        self.env.close()


def make_dream(**kwargs: Any) -> LegacyEnv:
    """A :class:`dreamgym.envs.dream.DreamEnv` for gym, with the same keyword arguments."""
    from dreamgym.envs.dream import DreamEnv

    return LegacyEnv(DreamEnv(**kwargs))


def make_latent(**kwargs: Any) -> LegacyEnv:
    """A :class:`dreamgym.envs.latent.LatentEnv` for gym, with the same keyword arguments."""
    from dreamgym.envs.latent import LatentEnv

    return LegacyEnv(LatentEnv(**kwargs))
