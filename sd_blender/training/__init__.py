# SPDX-License-Identifier: GPL-3.0-or-later
"""How the starter model is made (procedural textures, the forward process, the training loops), and in `lora` how any
model is taught something new from a few images.
"""
