"""From the behaviour logs of an AI chat product to decisions and better models."""
