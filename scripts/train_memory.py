"""Trains M, the MDN-RNN, on latents and saves a world model. The same as ``dreamgym train-memory``."""

from dreamgym.commands import main

if __name__ == "__main__":
    main("train-memory")
