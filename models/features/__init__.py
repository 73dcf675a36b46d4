"""Feature kinds: what a column means, from raw value to the network's input."""
