"""The style lane at the face: calibrating, and what flags when a run is committed."""
