"""What people do with findings: the review table, files for reviewers, and their decisions."""
