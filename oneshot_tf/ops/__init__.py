"""The papers as pure functions: tensors in, tensors out, no weights, no state."""
