"""Small programs for whoever works on Harvestline; no room imports them."""
