# SPDX-License-Identifier: GPL-3.0-or-later
"""The tasks, one file each: where the reverse process starts, what is known of the picture, and how it is finished."""
