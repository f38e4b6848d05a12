"""The link to the centre: envelopes up and down, by network or by stick."""
