"""What decisions say of reviewers, and of detectors and signatures."""
