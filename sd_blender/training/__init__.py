# SPDX-License-Identifier: GPL-3.0-or-later
"""How the starter model is made: procedural textures, the forward process and the training loops."""
