"""The dataset of a vector store, in Lance: `table` writes, `view` reads, `search`, `upkeep`."""
