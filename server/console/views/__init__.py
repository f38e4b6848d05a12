"""What a page shows, read from the store in one transaction and put into words."""
