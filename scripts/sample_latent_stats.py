"""Encodes episodes with V: the mean and log variance of every frame's latents. The same as ``dreamgym encode``."""

from dreamgym.commands import main

if __name__ == "__main__":
    main("encode")
