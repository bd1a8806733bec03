# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a result goes: an image of the .blend and its file, the material or node that shows it."""
