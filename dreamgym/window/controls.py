"""The window's own keys and buttons, beside those of the game."""

from collections.abc import Iterable
from enum import Enum, unique

import pygame

from dreamgym.window.keymap import key_name


@unique
class Command(Enum):
    """What the window can be told. The value says it to people."""

    HELP = "show or hide this help"
    SWITCH = "switch between dream and reality"
    BOTH = "both side by side; the dream begins from what reality shows"
    WHEEL = "hand the wheel to the controller, or take it back"
    HOTTER = "make the dream hotter"
    COOLER = "make the dream cooler"
    SLOWER = "slow motion: half the speed"
    FASTER = "back to full speed, by doubling"
    PAUSE = "pause, or go on"
    STEP = "a single step, then pause"
    ANEW = "start anew from the same start"
    NEXT = "start from another start"
    FILM = "begin or end a film (mp4)"
    SAVE = "save the drive in reality as an episode"
    QUIT = "quit"


COMMAND_KEYS: dict[Command, tuple[int, ...]] = {
    Command.HELP: (pygame.K_F1,),
    Command.SWITCH: (pygame.K_TAB,),
    Command.BOTH: (pygame.K_b,),
    Command.WHEEL: (pygame.K_c,),
    Command.HOTTER: (pygame.K_PLUS, pygame.K_EQUALS, pygame.K_KP_PLUS),
    Command.COOLER: (pygame.K_MINUS, pygame.K_KP_MINUS),
    Command.SLOWER: (pygame.K_COMMA,),
    Command.FASTER: (pygame.K_PERIOD,),
    Command.PAUSE: (pygame.K_p,),
    Command.STEP: (pygame.K_RETURN,),
    Command.ANEW: (pygame.K_BACKSPACE,),
    Command.NEXT: (pygame.K_n,),
    Command.FILM: (pygame.K_v,),
    Command.SAVE: (pygame.K_k,),
    Command.QUIT: (pygame.K_ESCAPE,),
}
"""Where a game has a key of its own, the command keeps it with Ctrl."""

COMMAND_BUTTONS: dict[int, Command] = {
    pygame.CONTROLLER_BUTTON_Y: Command.SWITCH,
    pygame.CONTROLLER_BUTTON_X: Command.BOTH,
    pygame.CONTROLLER_BUTTON_B: Command.WHEEL,
    pygame.CONTROLLER_BUTTON_RIGHTSHOULDER: Command.HOTTER,
    pygame.CONTROLLER_BUTTON_LEFTSHOULDER: Command.COOLER,
    pygame.CONTROLLER_BUTTON_START: Command.PAUSE,
    pygame.CONTROLLER_BUTTON_BACK: Command.ANEW,
}
"""A gamepad's buttons, as SDL names them."""


def command_of(key: int, ctrl: bool, game_keys: Iterable[int]) -> Command | None:
    """The command of a key that was pressed, with or without Ctrl; None if it has none or is the game's."""
    if not ctrl and key in frozenset(game_keys):
        return None
    return next((command for command, keys in COMMAND_KEYS.items() if key in keys), None)


def command_help(game_keys: Iterable[int]) -> list[tuple[str, str]]:
    """The key of every command, and what it does."""
    taken = frozenset(game_keys)
    rows = []
    for command, keys in COMMAND_KEYS.items():
        name = key_name(keys[0])
        rows.append((f"ctrl + {name}" if keys[0] in taken else name, command.value))
    return rows
