"""What waits for a second person at the lender, and what follows when one has answered.

Raises above the rule's authority, referred applications, new plans and words about money.
Each answer is one transaction of its own with its own line in the trail; what is answered
must still be what was shown, and who made something never answers it: the database refuses.
"""
