"""Studies that support decisions of the design; nothing imports them."""
