# SPDX-License-Identifier: GPL-3.0-or-later
"""How good the starter model is, in numbers: prompt adherence, reconstruction, seams, speed."""
