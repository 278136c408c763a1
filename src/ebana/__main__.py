"""``python -m ebana`` is ``ebana``."""

import sys

from ebana.cli import main

if __name__ == "__main__":
    sys.exit(main())
