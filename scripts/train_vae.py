"""Trains V, the VAE, on episodes. The same as ``dreamgym train-vae``."""

from dreamgym.commands import main

if __name__ == "__main__":
    main("train-vae")
