# SPDX-License-Identifier: GPL-3.0-or-later
"""Masks: an image of the .blend, painted or filled, that says where a picture is inpainted."""
