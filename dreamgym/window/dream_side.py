"""The dream in the window."""

import numpy as np

from dreamgym.envs.dream import DreamEnv
from dreamgym.play.resolve import Player
from dreamgym.window.readings import Readings, read_memory

State = tuple[np.ndarray, np.ndarray, np.ndarray]


class DreamSide:
    """One dream at a time.

    Attributes:
        env: The dream.
        start: The index of the world model's start that was dreamt from last.
        over: Whether the dream has ended.
        rewards: The reward of each decision.
    """

    over: bool
    rewards: list[float]

    def __init__(self, player: Player, seed: int):
        assert player.world_model is not None
        self._model, self._skip, self._max_steps = player.world_model, player.frame_skip, player.max_steps
        self.env = DreamEnv(
            player.env.world_model, player.env.temperature, player.world_model.dream_steps(player.max_steps)
        )
        self._seed, self.start = seed, -1
        self._from: State | None = None
        self.begin_at(None)

    def begin_at(self, start: int | None) -> None:
        """Begins at one of the world model's starts; the seed draws one if None."""
        self._from = None
        self._begin({} if start is None else {"start": start})

    def begin_from(self, state: State) -> None:
        """Begins from a state of M, ``(z, h, c)``."""
        self._from = state
        self._begin({"state": state})

    def begin_anew(self) -> None:
        """The same dream again: the same beginning and the same noise."""
        self.begin_at(self.start) if self._from is None else self.begin_from(self._from)

    def _begin(self, options: dict) -> None:
        self._observation, info = self.env.reset(seed=self._seed, options=options)
        self.start = info["start"] if info["start"] >= 0 else self.start
        self.over, self.rewards = False, []
        self._picture: np.ndarray | None = None

    def step(self, code: np.ndarray) -> None:
        """Dreams one decision."""
        action = self.env.world_model.codec.decode(code)
        self._observation, reward, terminated, truncated, _ = self.env.step(action)
        self.rewards.append(float(reward))
        self.over, self._picture = bool(terminated or truncated), None

    @property
    def observation(self) -> np.ndarray:
        """``[z, h]``, or ``[z, h, c]``."""
        return self._observation

    @property
    def temperature(self) -> float:
        """τ."""
        return self.env.temperature

    def picture(self) -> np.ndarray:
        """What V decodes, uint8 ``(64, 64, 3)``."""
        if self._picture is None:
            self._picture = self._model.decode(self._observation[: self._model.latent_size])
        return self._picture

    def readings(self) -> Readings:
        """What is known of the dream."""
        h = self._observation[self._model.latent_size :][: self._model.hidden_size]
        read = read_memory(self._model, h, self.temperature) if self.rewards else {}
        steps = min(len(self.rewards) * self._skip, self._max_steps)
        return Readings("dream", float(sum(self.rewards)), steps, self.over, **read)
