# SPDX-License-Identifier: GPL-3.0-or-later
"""The prompt: its panel, its styles and presets, what becomes of it."""
