"""Controls: texts of known origin that are mixed into exports unmarked, to measure reviewers."""
