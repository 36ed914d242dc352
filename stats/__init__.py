"""Statistics on counts and arrays: pure functions, nothing about rows or detectors."""
