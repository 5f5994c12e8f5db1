"""What every script's command line has in common."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import tyro

from dreamgym.errors import DreamGymError

Args = TypeVar("Args")
FAILED, INTERRUPTED = 2, 130


def run(function: Callable[[Args], object], args_class: type[Args], args: Sequence[str] | None = None) -> None:
    """Parses a command line into ``args_class`` and calls ``function`` with it.

    What dreamgym finds wrong ends as one line on stderr, without a traceback.

    Args:
        function: The script's work.
        args_class: A frozen dataclass with a docstring under every field; they make the help text.
        args: The words of the command line; None takes those of this process.

    Raises:
        SystemExit: With 2 after an error of dreamgym or a wrong flag, with 130 after Ctrl-C.
    """
    run_parsed(function, lambda: tyro.cli(args_class, args=args))


def run_parsed(function: Callable[[Args], object], parse: Callable[[], Args]) -> None:
    """As :func:`run`, for a script that parses its command line itself."""
    folder = str(Path.cwd())
    if folder not in sys.path:  # so that `--task mypackage.module:TASK` finds the user's own module
        sys.path.insert(0, folder)
    try:
        function(parse())
    except DreamGymError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(FAILED) from error
    except KeyboardInterrupt as error:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        raise SystemExit(INTERRUPTED) from error
