"""TakeCover-v0: ViZDoom's take cover in the settings of Ha & Schmidhuber (2018)."""

import os
import shlex
import shutil
import tempfile
import weakref
from collections import defaultdict
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils import EzPickle
from numpy.typing import NDArray

try:
    import vizdoom
except ImportError as missing:
    raise gym.error.DependencyNotInstalled(
        "TakeCover-v0 needs vizdoom; install it with: pip install 'dreamgym[doom]'"
    ) from missing

_METADATA = {"render_modes": ["rgb_array"], "render_fps": 35}  # the game has 35 tics a second
_BUTTONS = ((0, 0), (0, 1), (1, 0))  # of the actions: left and right
_SHAPE = (240, 320, 3)
_LEFTOVER = Path("_vizdoom")  # ViZDoom makes an empty folder of this name where it starts
_KEPT = 4  # games by skill that wait for another env; as many as one job plays together
_idle: defaultdict[int, list["vizdoom.DoomGame"]] = defaultdict(list)  # to start one takes as long as 2,000 tics
_RIGHT_KEY, _LEFT_KEY = 1073741903, 1073741904  # pygame's codes of the arrows


class TakeCover(gym.Env[NDArray[np.uint8], Any], EzPickle):
    """A room with monsters along one wall, who throw fireballs. The player walks along the other and stays alive.

    It is ViZDoom's own ``VizdoomTakeCover-v1``, with an image for an observation and the paper's time limit. After
    death, where that env shows black, the observation is the last picture.

    - Observation: the screen, uint8 ``(240, 320, 3)``, without a status bar.
    - Action: ``Discrete(3)``: 0 stays, 1 goes right, 2 goes left.
    - Reward: 1 for every tic (1/35 s), so a score is the number of tics survived.
    - ``terminated`` at death. The registered env is truncated after 2,100 tics.

    Episodes depend on the seed alone. The paper's ``DoomTakeCover-v0``, of a package that can no longer be installed:

    ==================  =============================  ===================================================
    part                paper                          here
    ==================  =============================  ===================================================
    map, monsters       take_cover.wad                 the same file's current version
    actions             left, right, none              the same; pressing both is not offered
    reward, end         1 a tic; death, 2,100 tics     the same
    frames a decision   1                              1; a task's ``frame_skip`` repeats actions
    screen              640 x 480, rows 0 to 399       320 x 240; the task takes rows 0 to 199
    colours             inverted before V              as they are
    skill               5 by name                      4, see below
    first tic           not known                      1
    ==================  =============================  ===================================================

    **Skill.** The paper's package asks for skill 5. A ViZDoom of those years clamps it to 4, and today's skill 5 (fast
    monsters) is another game. With today's skill 4 the scores that do not depend on learning agree with the paper's,
    with 5 they do not: uniformly random actions 235 ± 91 and 75 ± 23, the paper's random policy 210 ± 108; always left
    187 ± 53 and 102 ± 12, the paper's controllers of too cold dreams 193 ± 58 (60 episodes each).

    Args:
        render_mode: ``"rgb_array"``, ``"human"`` or None.
        skill: ViZDoom's difficulty from 1 to 5.
    """

    metadata = _METADATA

    def __init__(self, render_mode: str | None = None, *, skill: int = 4):
        EzPickle.__init__(self, render_mode, skill=skill)
        self.render_mode, self.draw = render_mode, True
        self.action_space = gym.spaces.Discrete(len(_BUTTONS))
        self.observation_space = gym.spaces.Box(0, 255, _SHAPE, np.uint8)
        self.skill = skill
        self._end: weakref.finalize | None = None
        self._screen, self._alive = np.zeros(_SHAPE, np.uint8), False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        """Begins an episode. There are no options."""
        super().reset(seed=seed)
        if self._end is None:
            self._game = _idle[self.skill].pop() if _idle[self.skill] else _new_game(self.skill)
            self._end = weakref.finalize(self, self._game.close)
        self._game.set_seed(int(self.np_random.integers(2**32, dtype=np.uint32)))
        if self._game.is_running():
            self._game.new_episode()
        else:
            there = _LEFTOVER.exists()
            self._game.init()
            if not there:
                with suppress(OSError):  # another worker that starts here may have removed it, or still use it
                    _LEFTOVER.rmdir()
        self._screen, self._alive = self._game.get_state().screen_buffer, True
        return self._screen, {}

    def step(self, action: Any) -> tuple[NDArray[np.uint8], float, bool, bool, dict[str, Any]]:
        """Plays a tic.

        With the attribute ``draw`` False and no render mode this takes a small part of the time, and the observation is
        an earlier one.

        Raises:
            ResetNeeded: The env was not reset, or the player is dead.
        """
        if not self._alive:
            raise gym.error.ResetNeeded("step was called before reset, or after death; call env.reset() first")
        drawn = self.draw or self.render_mode is not None
        self._game.set_action(_BUTTONS[int(action)])
        self._game.advance_action(1, drawn)
        self._alive = not self._game.is_episode_finished()
        seen = drawn and self._alive
        self._screen = self._game.get_state().screen_buffer if seen else self._screen.copy()
        return self._screen, self._game.get_living_reward(), not self._alive, False, {}

    def look(self) -> NDArray[np.uint8]:
        """The last picture that was drawn."""
        return self._screen.copy()

    def render(self) -> Any:
        """The screen, uint8 ``(240, 320, 3)``; None without a render mode."""
        return None if self.render_mode is None else self._screen.copy()

    def close(self) -> None:
        """Leaves ViZDoom to the next env of this process, or ends it if enough of them wait."""
        if self._end is not None:
            if self._game.is_running() and len(_idle[self.skill]) < _KEPT:
                self._end.detach()
                _idle[self.skill].append(self._game)
            else:
                self._end()
        self._end, self._alive = None, False

    def get_action_meanings(self) -> list[str]:
        """The names of the actions."""
        return ["STAY", "RIGHT", "LEFT"]

    def get_keys_to_action(self) -> dict[tuple[int, ...], int]:
        """The keys of the actions, as Gymnasium's ``play`` takes them."""
        return {(): 0, (_RIGHT_KEY,): 1, (_LEFT_KEY,): 2}


def _new_game(skill: int) -> vizdoom.DoomGame:
    """A game that is not started yet."""
    game, folder = vizdoom.DoomGame(), _own_folder()
    game.load_config(str(Path(vizdoom.scenarios_path) / "take_cover.cfg"))
    game.set_doom_skill(skill)
    game.set_screen_format(vizdoom.ScreenFormat.RGB24)
    game.set_window_visible(False)
    game.set_doom_config_path(str(folder / "vizdoom.ini"))
    if (engine := folder / "engine").exists():
        game.set_vizdoom_path(str(engine))
    return game


def _end_idle() -> None:
    for games in _idle.values():
        for game in games:
            game.close()


@cache
def _own_folder() -> Path:
    """This process's folder for what ViZDoom writes, and for the program ``engine`` where one is needed.

    ViZDoom plays in a process of its own, which waits for ever once its player is killed. Where ``setpriv`` is
    installed, as on Linux it mostly is, the system ends it with its player.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"dreamgym-vizdoom-{os.getpid()}-"))
    weakref.finalize(_own_folder, shutil.rmtree, folder, ignore_errors=True)  # at exit, after all games are closed
    weakref.finalize(_own_folder, _end_idle)
    program = Path(vizdoom.__file__).parent / "vizdoom"
    if shutil.which("setpriv") and program.is_file():
        (folder / "engine").write_text(f'#!/bin/sh\nexec setpriv --pdeathsig KILL {shlex.quote(str(program))} "$@"\n')
        (folder / "engine").chmod(0o700)
    return folder
