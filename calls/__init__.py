"""Calls of language models: readers of six kinds of log, and rules that calls are checked by."""
