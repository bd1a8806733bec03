# SPDX-License-Identifier: GPL-3.0-or-later
"""Several results of one job, of which the artist looks at each on the object before one is applied."""
