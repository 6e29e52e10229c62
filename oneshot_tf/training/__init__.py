"""Training: loop, optimisers, checkpoints, logs. Knows models only by their contract."""
