# SPDX-License-Identifier: GPL-3.0-or-later
"""Where image-to-image takes its picture from: a render, the viewport, a texture, a file."""
