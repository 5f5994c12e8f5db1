"""Videos: a policy filmed in the real game, in the dream, or in both side by side."""
