"""The station's one SQLite database, through sqlite-utils.

The schema is in numbered files that are never edited. Writes are made only inside
``with db.atomic():``. ``transform``, ``alter=True`` and implicit tables are never
used: they would drop triggers and constraints.
"""
