"""How fast, how frugal and how big the operator is, as ratios of one API round trip.

``make bench`` measures everything side by side in one run on a control plane of its own.
"""
