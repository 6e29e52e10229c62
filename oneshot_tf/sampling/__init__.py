"""Episodes drawn inside the graph: pure functions of a seed and the episode's number."""
