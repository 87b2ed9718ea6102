"""Timings, printed; nothing here is asserted by the tests."""
