"""Channels: where notices go."""
