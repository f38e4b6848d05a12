"""Numbered changes of the schema. One that has landed is never edited."""
