"""Where slots are kept: in memory, in SQLite, in DynamoDB. One contract, `core.ports.Registry`."""
