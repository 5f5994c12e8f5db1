"""The environments: the dream, the real game seen through V and M, and the fast CarRacing."""
