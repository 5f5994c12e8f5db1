"""Runs the whole pipeline. The same as ``dreamgym pipeline``."""

from dreamgym.commands import main

if __name__ == "__main__":
    main("pipeline")
