"""`python -m llmanager_sdk.cli` is `llmanager`."""

import sys

from llmanager_sdk.cli import main

sys.exit(main())
