"""The dream and the latent env for code that still says ``import gym`` (0.26).

gym finds :func:`register_envs` through its entry-point group ``gym.envs`` while it is being imported itself, so
this module takes from gym only what is there by then, and loads the envs when one is made.
"""

from typing import Any

import gymnasium
import numpy as np


def register_envs() -> None:
    """Registers ``WorldModelDream-v0`` and ``WorldModelLatent-v0`` with gym; doing it twice is harmless.

    gym's own checker asks NumPy for names that NumPy 2 no longer has, hence ``disable_env_checker``.
    """
    from gym.envs.registration import register, registry

    for env_id, creator in (("WorldModelDream-v0", "LegacyDream"), ("WorldModelLatent-v0", "LegacyLatent")):
        if env_id not in registry:
            register(env_id, entry_point=f"{__name__}:{creator}", disable_env_checker=True)


from gym import spaces  # noqa: E402  (importing gym calls the function above)
from gym.core import Env  # noqa: E402

METADATA: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 50}


def legacy_space(space: gymnasium.Space) -> spaces.Space:
    """The gym space for one of Gymnasium's: a Box or a Discrete."""
    if isinstance(space, gymnasium.spaces.Discrete):
        return spaces.Discrete(int(space.n), start=int(space.start))
    assert isinstance(space, gymnasium.spaces.Box)
    return spaces.Box(space.low, space.high, space.shape, space.dtype.type)


class LegacyEnv(Env):
    """A Gymnasium env as a gym one: the same calls, with gym's spaces.

    Args:
        env: The env that does the work.
    """

    metadata = METADATA

    def __init__(self, env: gymnasium.Env):
        self.env = env
        self.metadata = {**METADATA, "render_fps": env.metadata["render_fps"]}
        self.render_mode = env.render_mode
        self.observation_space = legacy_space(env.observation_space)
        self.action_space = legacy_space(env.action_space)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        """As in Gymnasium: the observation and info."""
        super().reset(seed=seed)
        return self.env.reset(seed=seed, options=options)

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """As in Gymnasium: observation, reward, terminated, truncated and info."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        return observation, float(reward), terminated, truncated, info

    def render(self) -> Any:
        """The picture, uint8 ``(height, width, 3)``, if ``render_mode="rgb_array"`` asked for one."""
        return self.env.render()

    def close(self) -> None:
        """Closes the env underneath."""
        self.env.close()


class LegacyDream(LegacyEnv):
    """:class:`dreamgym.envs.dream.DreamEnv` for gym; takes the same keyword arguments."""

    def __init__(self, **kwargs: Any):
        from dreamgym.envs.dream import DreamEnv

        super().__init__(DreamEnv(**kwargs))


class LegacyLatent(LegacyEnv):
    """:class:`dreamgym.envs.latent.LatentEnv` for gym; takes the same keyword arguments."""

    def __init__(self, **kwargs: Any):
        from dreamgym.envs.latent import LatentEnv

        super().__init__(LatentEnv(**kwargs))
