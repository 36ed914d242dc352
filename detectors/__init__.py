"""What counts as evidence: pure functions over a `TextBatch`, one file a detector.

Importable without Beam, spaCy or Presidio; what needs them loads them where it uses them.
"""
