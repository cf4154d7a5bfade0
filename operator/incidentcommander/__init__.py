"""Incident commander: a Kubernetes operator that runs incidents to their resolution."""
