"""The match lane: texts compared with known model output, in memory-mapped index files."""
