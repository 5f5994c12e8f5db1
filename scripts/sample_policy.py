"""Collects episodes of the real game. The same as ``dreamgym collect``."""

from dreamgym.commands import main

if __name__ == "__main__":
    main("collect")
