"""What is asked of the world and what was observed: plain values, no I/O."""
