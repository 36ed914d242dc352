"""Writing shards again without the rows that are to go."""
