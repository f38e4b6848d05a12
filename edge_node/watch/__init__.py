"""What the station notices by itself: alerts to farmers, flags to the lender's officer."""
