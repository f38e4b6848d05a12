"""The limit rule of each kind of product: pure integers, every term on the record."""
