"""Readers of API-call logs of language models: one stream of call records from six kinds of log."""
