"""Edits between two versions of one text: what changed, and whether scrubbing changes it so."""
