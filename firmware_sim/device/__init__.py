"""The firmware of one device as a pure state machine: events in, states and messages out."""
