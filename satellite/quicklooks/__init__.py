"""Pictures of plots and maps of districts, to be read without explanation."""
