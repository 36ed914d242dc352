"""What people do with findings: the review table, and CSV files for reviewers."""
