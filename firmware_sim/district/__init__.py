"""A seeded village and its seasons: one weather, from which everything else follows.

The crop here grows by thermal time, radiation and a soil-water bucket (FAO-56,
AquaCrop, WOFOST; sources stand at the formulas). It shares no formula and no
parameter with ``satellite``, which knows only index curves and their statistics:
were the two alike, the estimator would be tested against itself.
"""
