"""Evolves C by CMA-ES, in the dream or in the real game. The same as ``dreamgym train-controller``."""

from dreamgym.commands import main

if __name__ == "__main__":
    main("train-controller")
