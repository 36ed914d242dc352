"""The verbs of the command line, one file a group; heavy modules load where a verb needs them."""
