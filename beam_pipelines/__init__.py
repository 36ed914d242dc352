"""How rows move: planning, reading, scanning and the Beam transforms. No detection logic."""
