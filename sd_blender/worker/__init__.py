# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine in a process of its own: nothing it does can hang Blender, crash it or keep its memory."""
