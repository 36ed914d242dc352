"""Audits: random texts for reviewers, drawn by a seed that was committed before."""
