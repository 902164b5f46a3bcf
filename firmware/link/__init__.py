"""Links: the payloads of the protocol over one kind of wire each."""
