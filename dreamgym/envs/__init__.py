"""Envs of a world model: the dream, single and batched, and the real game with the observations of the dream."""
