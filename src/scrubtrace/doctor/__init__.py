"""``scrubtrace doctor``: what is installed, what can speak, what is in place; writes nothing."""
