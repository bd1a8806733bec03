# SPDX-License-Identifier: GPL-3.0-or-later
"""The scripts import each other by name, as they do when one of them is run."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
