"""How much of a data set is by models, and how sure that is."""
