"""Removing rows by a policy, the record of it, and comparing shards with the record."""
