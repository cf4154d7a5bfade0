"""doctor: whether everything is there that incidents need, and if not, what mends it."""
