# SPDX-License-Identifier: GPL-3.0-or-later
"""Training a LoRA or a word from the artist's own pictures: what is asked, what is shown, what comes of it."""
