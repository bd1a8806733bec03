# SPDX-License-Identifier: GPL-3.0-or-later
"""The LoRAs and trained words that a scene generates with."""
