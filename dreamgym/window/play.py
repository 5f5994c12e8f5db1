"""From settings to a drive in a window."""

from pathlib import Path

from dreamgym.errors import DreamGymError, SettingsError
from dreamgym.play.resolve import Player, resolve
from dreamgym.play.settings import EnvSettings
from dreamgym.window.drive import Drive
from dreamgym.window.hand import Hand
from dreamgym.window.keymap import key_map
from dreamgym.window.session import Session
from dreamgym.window.settings import DriveSettings
from dreamgym.window.window import Window


def play(settings: DriveSettings) -> Path | None:
    """Opens the window and drives until it is closed. Returns the path of the film that was still running.

    Raises:
        WindowError: There is no display, the game's keys are not known, or the view needs a world model.
        PolicyError, TaskError, WorldModelError: A part is unknown, or does not fit.
    """
    session = make_session(settings)
    try:
        window = Window(session)
    except DreamGymError:
        session.close()
        raise
    try:
        window.run()
    except BaseException:
        window.close()
        raise
    return window.close()


def make_session(settings: DriveSettings) -> Session:
    """The session that settings describe."""
    player = _player(settings)
    policy = None if settings.policy is None else player.policy
    view = settings.view or ("real" if player.world_model is None else "dream")
    keymap = key_map(player.task, player.codec, idle=settings.idle, full_range=settings.full_range)
    drive = Drive(player, policy, settings.seed, view)
    fps = settings.fps or game_fps(player)
    return Session(drive, Hand(keymap, player.frame_skip / fps), fps, settings.output.expanduser(), wait=settings.wait)


def game_fps(player: Player) -> float:
    """Steps of the game per second: as the world model dreams it, or as the game's env says."""
    if player.world_model is not None:
        return player.world_model.render_fps * player.frame_skip
    env = player.task.make_env(player.env.renderer or "fast")
    try:
        return float(env.metadata["render_fps"]) * env.skip
    finally:
        env.close()


def _player(settings: DriveSettings) -> Player:
    if settings.world_model is None and settings.task is None:
        raise SettingsError("name a world model or a task to drive")
    env = EnvSettings(
        task=settings.task,
        world_model=settings.world_model,
        renderer=settings.renderer,
        temperature=settings.temperature,
    )
    return resolve("random" if settings.policy is None else settings.policy, env)
