"""Prometheus: queries and their results."""
