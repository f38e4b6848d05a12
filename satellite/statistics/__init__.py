"""Statistics: what each scene shows of each plot, and the store that remembers it."""
