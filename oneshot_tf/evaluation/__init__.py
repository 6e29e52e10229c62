"""Evaluation: protocols, records, figures. Knows models only by their contract."""
