"""The operator's own metrics for Prometheus: what they are, what feeds them, how they are read."""
