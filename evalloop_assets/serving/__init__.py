"""What the product serves: the allocation, its append-only ledger, and its publication as a flagd file."""
