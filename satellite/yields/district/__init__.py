"""District yields: the ladder on tables of years and months, tried forward in time."""
