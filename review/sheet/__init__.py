"""The review sheet: one HTML file in which items are read and decided, without a server."""
