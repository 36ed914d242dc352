"""Batches of texts for reviewers, and controls of known origin among them."""
