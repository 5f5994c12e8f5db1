"""A drive without its window: what is driven, by whom, from where."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dreamgym.data.episodes import Episode
from dreamgym.errors import ActionError, DataError, PolicyError, WindowError
from dreamgym.play.resolve import Player
from dreamgym.policies.policy import Policy
from dreamgym.window.dream_side import DreamSide
from dreamgym.window.readings import Readings
from dreamgym.window.real_side import RealSide
from dreamgym.window.settings import View

LEAST_TEMPERATURE = 0.05


@dataclass(frozen=True, eq=False)
class Scene:
    """What is seen of one step of the game."""

    pictures: dict[str, np.ndarray]  # by label, uint8 ``(height, width, 3)`` each
    readings: tuple[Readings, ...]  # of each side that is driven


class Drive:
    """Dream, reality, or both side by side under the same actions.

    A drive goes on in whole decisions. Between two of them it can be switched, begun anew, or handed over.

    Args:
        player: Task, actions and world model.
        policy: Who drives when the wheel is handed over; None if nobody can.
        seed: Of the first real episode and of the dream's noise.
        view: What is driven first.

    Raises:
        WindowError: There is no world model, and ``view`` needs one.
    """

    def __init__(self, player: Player, policy: Policy | None, seed: int, view: View):
        if player.world_model is None and view != "real":
            raise WindowError(f"driving {view!r} needs a world model; name its folder with --world-model")
        self.player, self.policy, self.seed = player, policy, seed
        self.dream = None if player.world_model is None else DreamSide(player, seed)
        self.policy_drives = False
        self._drivers: set[str] = set()
        self._real: RealSide | None = None
        self.view: View = "real" if player.world_model is None else "dream"
        if view != self.view:
            self.show(view)

    @property
    def real(self) -> RealSide:
        """Reality, begun when it is first asked for."""
        if self._real is None:
            self._real = RealSide(self.player)
            self._begin_real(self.seed)
        return self._real

    @property
    def over(self) -> bool:
        """Whether what is driven has ended."""
        return self.dream.over if self.dream is not None and self.view == "dream" else self.real.over

    @property
    def temperature(self) -> float | None:
        """τ; None without a world model."""
        return None if self.dream is None else self.dream.temperature

    def show(self, view: View) -> None:
        """Switches the view. From reality, and for both, the dream begins from M's state of what reality shows."""
        dream = self._need_dream()
        if view == "both" or (view == "dream" and self.view == "real"):
            dream.begin_from(self.real.state)
        self.view = view
        self._reset_policy()

    def hand_over(self) -> None:
        """Gives the wheel to the policy, or takes it back."""
        if self.policy is None:
            raise WindowError("there is no controller to hand the wheel to; name one with --policy")
        self.policy_drives = not self.policy_drives
        self._reset_policy()

    def heat(self, change: float) -> None:
        """Adds to τ, which stays at or above ``LEAST_TEMPERATURE``."""
        env = self._need_dream().env
        env.set_temperature(max(round(env.temperature + change, 2), LEAST_TEMPERATURE))

    def begin_anew(self) -> None:
        """The same start again."""
        self._begin(0)

    def begin_next(self) -> None:
        """The next start: of the world model's starts for a dream, of the seeds for reality."""
        self._begin(1)

    def _begin(self, change: int) -> None:
        self._reset_policy()
        if self.view == "dream":
            dream = self._need_dream()
            n_starts = len(dream.env.world_model.starts)
            dream.begin_at((dream.start + change) % n_starts) if change else dream.begin_anew()
            return
        self._begin_real(self.real.seed + change)
        if self.view == "both":
            self._need_dream().begin_from(self.real.state)

    def _begin_real(self, seed: int) -> None:
        assert self._real is not None
        self._real.begin(seed)
        self._drivers = set()

    def _reset_policy(self) -> None:
        if self.policy is not None:
            self.policy.reset(self.seed if self.view == "dream" else self.real.seed)

    def _need_dream(self) -> DreamSide:
        if self.dream is None:
            raise WindowError("there is no dream without a world model; name one with --world-model")
        return self.dream

    def episode(self) -> Episode:
        """The episode that was driven in reality. Its policy is ``hand``, the policy's name, or both.

        Raises:
            DataError: Nothing was driven in reality.
        """
        if self._real is None:
            raise DataError("nothing was driven in reality yet; a dream is no episode of the game")
        return self._real.episode("+".join(sorted(self._drivers)))

    def decide(self, hand: np.ndarray) -> Iterator[Scene]:
        """Plays one decision; yields what is seen after each of its steps of the game. Nothing, where it is over.

        Args:
            hand: The coded action of the hand ``(A,)``, which counts unless the policy drives.

        Raises:
            PolicyError: The policy's action is none of the game's.
        """
        if self.over:
            return
        code = self._policys_code() if self.policy_drives else hand
        if self.view == "dream":
            self._need_dream().step(code)
            scene = self.scene()
            yield from (scene for _ in range(self.player.frame_skip))
            return
        self._drivers.add(self.policy.name if self.policy_drives and self.policy is not None else "hand")
        for _ in self.real.play(code):
            if self.view == "both" and self.real.decided and not self._need_dream().over:
                self._need_dream().step(code)
            yield self.scene()

    def _policys_code(self) -> np.ndarray:
        assert self.policy is not None
        observation = self._need_dream().observation if self.view == "dream" else self.real.observation
        try:
            return self.player.codec.encode(self.policy(observation))
        except ActionError as error:
            raise PolicyError(f"policy {self.policy.name!r}: {error}") from error

    def scene(self) -> Scene:
        """What is seen now."""
        if self.view == "dream":
            dream = self._need_dream()
            return Scene({"dream": dream.picture()}, (dream.readings(),))
        readings = self.real.readings(self.temperature or 1.0)
        if self.view == "real":
            return Scene({"reality": self.real.picture()}, (readings,))
        dream = self._need_dream()
        pictures = {"reality": self.real.frame, "reconstruction": self.real.reconstruction(), "dream": dream.picture()}
        return Scene(pictures, (readings, dream.readings()))

    def close(self) -> None:
        """Closes the real game."""
        if self._real is not None:
            self._real.close()
