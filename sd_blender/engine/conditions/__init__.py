# SPDX-License-Identifier: GPL-3.0-or-later
"""What acts at the moments of the loop and needs torch, one file each.

See :class:`~...core.diffusion.loop.Condition`.
"""
