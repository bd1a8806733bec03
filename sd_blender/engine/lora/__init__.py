# SPDX-License-Identifier: GPL-3.0-or-later
"""LoRAs and their kin as the world spells them: read, fitted to a model, and merged into its weights.

A file is read by :mod:`~.files`, which knows the names (:mod:`~.names`, :mod:`~.blocks`) and the kinds (:mod:`~.kinds`)
of what it holds; :mod:`~.fit` sees whether the model has such layers, :mod:`~.strength` how strong it is meant to be,
:mod:`~.deltas` makes changes of weights of it, and :mod:`~.apply` merges them. :mod:`~.store` keeps those of the last
request.
"""
