"""Drawing texts at random from shards: ranks by a keyed hash, the smallest of each stratum."""
