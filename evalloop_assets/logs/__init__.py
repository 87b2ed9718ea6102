"""Stage 1, Logs: the contract, importers, quarantine and the delivery of rows into the lake."""
