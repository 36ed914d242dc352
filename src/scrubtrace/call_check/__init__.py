"""Checking logs of API calls by a register, and joining them with what training data matches."""
