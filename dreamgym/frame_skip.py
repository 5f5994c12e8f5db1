"""Frame skip: one decision lasts several steps of the real game."""

from collections.abc import Callable
from typing import Any

import gymnasium as gym

Target = Callable[[gym.Env, float, bool], float]


class FrameSkip(gym.Wrapper):
    """Repeats each action for ``skip`` steps of the game, and sums rewards and targets. It ends at once with the game.

    ``info`` of a step also holds ``target``, the sum of ``target(env, reward, terminated)`` over the game's steps, and
    ``rewards``, the reward of each of them.

    A game that can leave out drawing draws only what is seen: the last step. Its env has a settable ``draw``, and a
    method ``look`` that returns the observation where the game ended before; and no wrapper changes its observations.

    Args:
        env: The game.
        skip: Steps of the game per decision.
        target: See :class:`dreamgym.tasks.Task`.
        after_step: Called after every step of the game, for example to film it.
    """

    def __init__(self, env: gym.Env, skip: int, target: Target, after_step: Callable[[], None] | None = None):
        super().__init__(env)
        self.skip, self._target, self.after_step = skip, target, after_step
        self.metadata = env.metadata | {"render_fps": env.metadata.get("render_fps", 50) / skip}
        game: Any = env.unwrapped
        plain = env.observation_space is game.observation_space
        self._leaves_out = skip > 1 and plain and getattr(game, "draw", False) and hasattr(game, "look")

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Plays one decision."""
        game: Any = self.env.unwrapped
        target, rewards = 0.0, []
        try:
            for number in range(1, self.skip + 1):
                if self._leaves_out:
                    game.draw = number == self.skip
                observation, reward, terminated, truncated, info = self.env.step(action)
                rewards.append(float(reward))
                target += float(self._target(self.env, rewards[-1], bool(terminated)))
                if self.after_step is not None:
                    self.after_step()
                if terminated or truncated:
                    break
        finally:
            if self._leaves_out:
                game.draw = True
        if self._leaves_out and len(rewards) < self.skip:
            observation = game.look()
        info = info | {"target": target, "rewards": rewards}
        return observation, sum(rewards), bool(terminated), bool(truncated), info
