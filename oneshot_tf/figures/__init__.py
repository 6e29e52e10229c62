"""Pictures of episodes, memories, curves and records: one file a kind of picture."""
