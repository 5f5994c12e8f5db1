"""The command line: ``dreamgym COMMAND``, one module per command.

This module imports no command, so that ``dreamgym --help`` is quick.
"""

import difflib
import importlib
import sys
from collections.abc import Sequence

COMMANDS = {
    "pipeline": "run everything: collect, train V and M, evolve C in the dream, score and film it",
    "status": "inspect an experiment and say what to type next",
    "sync": "push an experiment to a bucket, pull it, or list what differs",
    "collect": "play the real game and save episodes",
    "train-vae": "train V, the VAE, on episodes",
    "encode": "encode episodes with V to latents",
    "train-memory": "train M, the MDN-RNN, on latents and save a world model",
    "train-controller": "evolve C by CMA-ES in the dream or in the real game",
    "evaluate": "score a policy in the real game or in the dream",
    "record": "film a policy in the real game, in the dream, or side by side",
    "play": "drive the dream or the real game in a window, by hand",
    "export": "write an experiment's world model and controller into one small folder",
    "web": "write the dream as a web page, to drive it in a browser",
    "cluster-node": "make this machine a node of a Ray cluster",
    "benchmark": "measure speeds on this machine",
}


def main(command: str = "", words: Sequence[str] | None = None) -> None:
    """Runs a command.

    Args:
        command: Its name; the first word if empty.
        words: The command line; this process's own if None.
    """
    words = [*([command] if command else []), *(sys.argv[1:] if words is None else words)]
    if not words or words[0] in ("-h", "--help"):
        print(help_text())
        return
    if words[0] == "--version":
        print(importlib.import_module("dreamgym").__version__)
        return
    name = words[0].replace("_", "-")
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(COMMANDS)}"
        print(f"error: there is no command {words[0]!r}; {hint}", file=sys.stderr)
        raise SystemExit(2)
    module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    importlib.import_module(f"{__name__}.cli").run(name, module, words[1:])


def help_text() -> str:
    """The list of commands."""
    width = max(map(len, COMMANDS))
    lines = "\n".join(f"  {name:<{width}}  {summary}" for name, summary in COMMANDS.items())
    return f"""usage: dreamgym COMMAND [FLAGS]

World models as Gymnasium environments.

{lines}

dreamgym COMMAND --help explains a command's flags. dreamgym --version prints the version.
Start with: dreamgym pipeline"""
