"""Measures speeds on this machine. The same as ``dreamgym benchmark``."""

from dreamgym.commands import main

if __name__ == "__main__":
    main("benchmark")
