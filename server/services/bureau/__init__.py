"""What people owe other lenders: a bureau's files, questions with consent, and their answers."""
