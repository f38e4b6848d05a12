"""Links that cut, delay, throttle, lose, repeat and reorder: real sockets, or pure messages."""
