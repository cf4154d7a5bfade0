"""What developers and `make` run: generators, the local operator. No part of the product."""
