"""Pictures of episodes, memories, curves and records, one module for each kind."""
