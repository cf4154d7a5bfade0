"""The Kubernetes API: reading, writing, watching, in our own values."""
