"""The equations once more, as slow loops over plain numbers: what the TensorFlow code is held to."""
