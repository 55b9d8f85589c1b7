"""The platform `local`: engines, datasets and histories on this machine."""
