"""What may have struck a plot: anomalies, drought, flood, hail, late and failed sowing, forage.

Pure functions of looks, weather and a record of past seasons. They decide nothing:
findings go into evidence, and a plot that was not seen raises nothing.
"""
