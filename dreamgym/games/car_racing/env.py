"""FastCarRacing: Gymnasium's CarRacing-v3 with the same frames and a faster renderer."""

from typing import TYPE_CHECKING, Any, SupportsFloat

import numpy as np
from gymnasium import Env, error
from gymnasium.envs.box2d import car_racing as stock
from gymnasium.utils import EzPickle
from numpy.typing import NDArray

from dreamgym.games.car_racing.physics import ScalarCar

if TYPE_CHECKING:
    from dreamgym.games.car_racing.view import View

_MAX_START_SPEED = 60.0


class FastCarRacing(stock.CarRacing):
    """CarRacing-v3 with a faster renderer for observations.

    Tracks, physics, rewards, flags and observations equal CarRacing-v3's, and ``render`` returns or shows the same
    images. Each observation is a new, contiguous uint8 array of shape ``(96, 96, 3)``. Each env has its own drawing
    buffers, so different envs can be stepped in different threads.

    ``reset`` takes CarRacing-v3's ``options`` and these:

    - ``start_tile`` (int): the tile, modulo their number, on which the car starts, heading along the road.
    - ``start_speed`` (float): the forward speed at the start in m/s, with rolling wheels. Default: 0.
    - ``random_start`` (bool): draws the tile and the speed (0 to 60 m/s) from the env's generator after making the
      track. A given ``start_tile`` or ``start_speed`` takes precedence.
    - ``skip_zoom`` (bool): starts the env's clock at one second, when the camera's initial zoom ends.

    Without these options an episode is CarRacing-v3's exactly.

    A copy or pickle is a new env with the same arguments and spec, as CarRacing-v3's is: Box2D's world cannot be
    copied. It must be reset before it is stepped.

    Args:
        render_mode: ``"rgb_array"``, ``"human"``, ``"state_pixels"`` or None.
        verbose: Prints messages about the generation of tracks.
        lap_complete_percent: The fraction of tiles that must be exceeded to complete a lap.
        domain_randomize: Draws new colours at each reset.
        continuous: Actions are steering, gas and brake; if False, one of five integers.
        draw: If False, observations and ``state_pixels`` images are black, and a step takes a fraction of the time. The
            attribute of that name can be set in mid-episode if an episode began with True.
    """

    def __init__(
        self,
        render_mode: str | None = None,
        verbose: bool = False,
        lap_complete_percent: float = 0.95,
        domain_randomize: bool = False,
        continuous: bool = True,
        *,
        draw: bool = True,
    ):
        super().__init__(render_mode, verbose, lap_complete_percent, domain_randomize, continuous)
        EzPickle.__init__(self, render_mode, verbose, lap_complete_percent, domain_randomize, continuous, draw=draw)
        self.draw = draw
        self._shown_reward = 0.0
        self._view: View | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        """Makes a new track and puts the car on it. The class lists the ``options``. The info is empty."""
        Env.reset(self, seed=seed)
        options = options or {}
        self._clear_episode()
        if self.domain_randomize:
            self._reinit_colors(options.get("randomize", True))
        while not self._create_track():
            if self.verbose:
                print("retry to generate track (normal if there are not many instances of this message)")
        self._place_car(options)
        if self.draw:
            # Imported here, because it imports numba, which takes longer than all other imports together.
            from dreamgym.games.car_racing.view import View

            self._view = self._view or View()
            self._view.reset(self)
        if self.render_mode == "human":
            self.render()
        return super().step(None)[0], {}  # type: ignore[arg-type]

    def step(
        self, action: NDArray[np.float32] | int
    ) -> tuple[NDArray[np.uint8], SupportsFloat, bool, bool, dict[str, Any]]:
        """CarRacing-v3's step. Raises ResetNeeded if the env, or this copy of it, was not reset."""
        if self.car is None:
            raise error.ResetNeeded("step was called before reset; call env.reset() first")
        return super().step(action)

    def look(self) -> NDArray[np.uint8]:
        """The observation of the last step, for when it was not drawn."""
        after, self.reward = self.reward, self._shown_reward
        image: NDArray[np.uint8] = self._render("state_pixels")
        self.reward = after
        return image

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"spec": self.spec}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.spec = state["spec"]

    def _clear_episode(self) -> None:
        """Destroys the last track and car, and resets the counters."""
        self._destroy()
        listener = stock.FrictionDetector(self, self.lap_complete_percent)
        # Box2D does not keep the listener alive.
        self.world.contactListener_bug_workaround = listener
        self.world.contactListener = listener
        self.reward = self.prev_reward = 0.0
        self.tile_visited_count = 0
        self.new_lap = False
        self.road_poly: list[tuple[Any, Any]] = []

    def _place_car(self, options: dict[str, Any]) -> None:
        """Makes the car and sets the clock according to the options."""
        tile, speed = 0, 0.0
        if options.get("random_start"):
            tile = int(self.np_random.integers(len(self.track)))
            speed = float(self.np_random.uniform(0.0, _MAX_START_SPEED))
        tile = int(options.get("start_tile", tile)) % len(self.track)
        speed = float(options.get("start_speed", speed))
        self.car = ScalarCar(self.world, *self.track[tile][1:4])
        if speed:
            self.car.roll(speed)
        self.t = 1.0 if options.get("skip_zoom") else 0.0

    def _render(self, mode: str) -> Any:
        if mode == "state_pixels" and not self.draw:
            self._shown_reward = self.reward  # a step draws before it counts its cost
            return np.zeros((stock.STATE_H, stock.STATE_W, 3), np.uint8)
        if mode != "state_pixels" or self._view is None:
            return super()._render(mode)
        return self._view.frame(self)
