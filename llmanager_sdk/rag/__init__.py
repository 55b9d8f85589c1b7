"""A chat about a folder of documents: `documents` reads, `chunks` splits, `chat` answers."""
