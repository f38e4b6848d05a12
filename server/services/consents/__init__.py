"""Consent at the centre: taken in, told on, asked before each use; looks at data kept."""
