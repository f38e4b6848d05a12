"""From readings to features: quality control, daily values, a season's aggregates."""
