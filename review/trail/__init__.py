"""What was done to the review table: a log of events in a hash chain, and its check."""
