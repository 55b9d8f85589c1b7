"""LangChain messages to bytes and back, for OpenAI's chat form. Pure: nothing here does I/O."""

PROVIDER = "llmanager"
"""What LangChain and LangSmith call us."""
