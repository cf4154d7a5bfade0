"""Finds, downloads or builds the nine programs a local cluster is made of.

Used by `cluster up` before anything is started, and by `cluster tools` alone.
Knows nothing of clusters: it only hands out paths to programs.
"""

from cluster.toolchain.ensure import Toolbox, ensure_tools

__all__ = ["Toolbox", "ensure_tools"]
