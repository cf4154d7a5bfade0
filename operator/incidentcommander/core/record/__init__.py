"""What is derived from a status and kept of it: conditions, pages, retention, gauges."""
