"""Inspects an experiment. The same as ``dreamgym status``."""

from dreamgym.commands import main

if __name__ == "__main__":
    main("status")
