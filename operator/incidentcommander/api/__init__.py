"""The contract: every kind of ``incidentcommander.dev`` as a frozen pydantic model.

The CRDs are generated from these models (``make crds``), so the schema that the API server
enforces and the types that the operator computes with cannot drift apart.
Nothing here may import anything but pydantic and the standard library.
"""
