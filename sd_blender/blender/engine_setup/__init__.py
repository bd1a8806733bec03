# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment of the worker: found, installed, tested, told about."""
