# SPDX-License-Identifier: GPL-3.0-or-later
"""Stable Diffusion written out in NumPy: every layer of its networks, with nothing but matrix products underneath.

Read in this order: :mod:`~.layers`, :mod:`~.convolution` and :mod:`~.normalisation` (what networks are made of),
:mod:`~.attention` (how places look at each other and at words), :mod:`~.text_encoder` (words to numbers), :mod:`~.unet`
(what finds the noise), :mod:`~.autoencoder` (latents to pictures and back). The way from noise to a picture is
:mod:`~..core.diffusion.loop`, which this engine shares with the one that runs on torch.

Features of a picture are (C, h, w): channels, rows, columns; one picture at a time. Tokens are the columns of a matrix,
(width, tokens), so that a layer's weights stand where they stand on paper: y = W x + b. All numbers are float32.
"""
