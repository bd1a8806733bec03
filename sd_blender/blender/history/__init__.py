# SPDX-License-Identifier: GPL-3.0-or-later
"""What was made before: kept in the .blend, searched, and restored from there or from a picture."""
