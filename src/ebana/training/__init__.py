"""The loop, the data, the record: what surrounds learning."""
