import oneshot_tf  # noqa: F401  (what it sets for TensorFlow has to be set before TensorFlow comes)
