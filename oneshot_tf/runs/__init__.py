"""One run put together from data, model and loop, and one test of it."""
