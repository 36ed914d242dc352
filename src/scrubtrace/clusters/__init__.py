"""Answers of one batch that are nearly the same: by other labelers, or for other tasks."""
