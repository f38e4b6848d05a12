"""What a lender would hold of the district: its register, past harvests, past loans.

Everything here is derived from simulated truth through what people could have
known: weighed harvests with errors, applications, readings, looks from above. The
truth of the live season never enters.
"""
