"""Evidence of one case for counsel: what was found, decided, done about it and tested again."""
