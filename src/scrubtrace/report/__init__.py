"""The report of a data set: current results, the review table and audits, put into words."""
