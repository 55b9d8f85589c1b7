"""One check for each promise; `make accept` runs them and prints claim, command, figure, bound."""
