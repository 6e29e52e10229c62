"""Trained models as SavedModels: stateless signatures, and a card that says what they are."""
