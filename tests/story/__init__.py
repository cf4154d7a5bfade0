"""A whole incident of four hours, played with a given clock against a real API server."""
