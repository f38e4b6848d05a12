"""What a bad season would do to the book: limits, losses, liquidity; nothing is written."""
