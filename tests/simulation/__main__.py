"""`python -m tests.simulation`: the simulation at the command line."""

import sys

from tests.simulation.long_run import long_run

if sys.argv[1] == "long":
    long_run(sys.argv[2], int(sys.argv[3]))
