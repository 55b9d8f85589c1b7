"""Where slots are kept: in memory, in SQLite. One contract, `core.ports.Registry`."""
