# SPDX-License-Identifier: GPL-3.0-or-later
"""A package, so that every test finds the fakes."""
