"""Campaigns: a named review with its scope, exceptions, completeness and open actions."""
