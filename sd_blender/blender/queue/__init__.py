# SPDX-License-Identifier: GPL-3.0-or-later
"""The jobs at work and those that wait: their panel, their progress, their live preview."""
