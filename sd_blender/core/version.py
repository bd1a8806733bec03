# SPDX-License-Identifier: GPL-3.0-or-later
"""The version of the add-on; the manifest and pyproject.toml say the same, and a test compares them."""

VERSION = "0.1.0"
