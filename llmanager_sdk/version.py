"""The version of this library, for those parts of it that must not import the whole."""

VERSION = "0.1.0"
