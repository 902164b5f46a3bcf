"""What a device needs around the protocol: journal, accounts, keys at rest, configuration."""
