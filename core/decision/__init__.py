"""Decisions under delegated authority, and the cards that let anyone replay them."""
