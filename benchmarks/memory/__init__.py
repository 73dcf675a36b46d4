"""Tasks that only a network with memory solves, and the machinery that runs them."""
