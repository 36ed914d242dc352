"""Decisions of reviewers: brought in from files, kept for good, and what state they add up to."""
