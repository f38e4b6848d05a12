"""The compact model: features with units, and the integer points that score them."""
