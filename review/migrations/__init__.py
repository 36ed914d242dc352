"""Alembic migrations of the review table, from its first version on.

A change of `scrubtrace.review.table` needs one more file in ``versions``, written by hand;
tests/test_review_table.py compares what the migrations build with the tables of the code.
A published migration is never edited: it describes databases that exist.
"""
