"""The style lane: how a text is written, measured fast enough to rank every row."""
