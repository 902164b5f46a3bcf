"""What a device needs around the protocol: journal, records, keys at rest, configuration."""
