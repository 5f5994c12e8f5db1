"""Episodes of the real game and their latents: file formats, encoding, and input pipelines of V and M."""
