"""Models, products, prompts and basemaps that come by signed updates (TUF)."""
