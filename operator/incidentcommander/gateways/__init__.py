"""The border to the world: the only place that knows Kubernetes, Prometheus and their clients."""
