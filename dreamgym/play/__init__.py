"""Playing: episodes of a policy in the real game or in the dream, on workers, scored, recorded or collected."""
