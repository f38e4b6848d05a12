"""The audit: all that the centre promises of its books, computed again from what is stored.

It changes nothing, reads every table from end to end in bounded memory, and names the
first record at which each promise breaks: its table, its id, and what was expected there.
"""
