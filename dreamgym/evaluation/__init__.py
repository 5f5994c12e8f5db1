"""Judging: scores of policies, the baselines beside them, and how well M predicts the game."""
