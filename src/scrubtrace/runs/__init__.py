"""Runs of an output folder, after the fact: listed, shown, compared, removed, reproduced."""
