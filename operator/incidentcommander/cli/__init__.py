"""What people type: the kubectl plugin ``kubectl incident``.

It talks to the API server by calling kubectl, and prints each call. It imports neither the models
nor a Kubernetes client: whoever is paged waits for nothing.
"""
