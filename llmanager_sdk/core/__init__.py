"""The lifecycle: no AWS, no LangChain, no clock of its own. Start with `life.decide`."""
