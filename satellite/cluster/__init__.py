"""Who does the work of reading scenes: this process, or a Dask cluster (its one door)."""
