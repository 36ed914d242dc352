"""One file a change of the schema; the number in front is the revision."""
