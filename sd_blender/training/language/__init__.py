# SPDX-License-Identifier: GPL-3.0-or-later
"""How people write: phrases of many kinds, each with the plain caption that it means."""
