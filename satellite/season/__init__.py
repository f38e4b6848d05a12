"""Seasons: which one is declared, what of it the curve shows, which stage was seen."""
