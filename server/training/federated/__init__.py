"""One model for several cooperatives, without any of them showing its loans.

The coordinator asks, sites answer with sums that are masked pairwise: only the sum over a
group of at least ``SITES_MIN`` sites can be read. A site may answer days later; a round in
which one does not answer at all is voided, and asked again of the others.
"""
