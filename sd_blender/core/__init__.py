# SPDX-License-Identifier: GPL-3.0-or-later
"""What the other layers agree on: requests, messages, jobs, the generation thread, pixels and geometry.

Standard library and numpy only: no bpy, no torch. Everything here runs and is tested without Blender.
"""
