"""The agent's tablet: an offline page that the station serves, and what it speaks with."""
