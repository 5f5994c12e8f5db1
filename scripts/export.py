"""Exports an experiment's world model and controller. The same as ``dreamgym export``."""

from dreamgym.commands import main

if __name__ == "__main__":
    main("export")
