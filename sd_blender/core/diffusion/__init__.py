# SPDX-License-Identifier: GPL-3.0-or-later
"""Denoising diffusion in latent space, as in the papers: no torch, no network, nothing of Blender.

Read in this order: :mod:`~.noise_schedule` (the forward process), :mod:`~.estimate` (what a network's output says of
the picture), :mod:`~.loop` (the reverse process and its moments), :mod:`~.guidance`, :mod:`~.known_part`, and the
:mod:`~.samplers`, one file for each family of them.

An array here is anything that knows + - * /: torch's tensors and NumPy's arrays alike. Coefficients are plain floats,
made once for a schedule; noise comes from a source that is given. One notation throughout: latents of variance 1,

    x_t = signal x_0 + noise eps,    signal^2 + noise^2 = 1,    signal = sqrt(abar_t),

also where a paper writes x_0 + sigma eps: that is the same, divided by sqrt(1 + sigma^2), with sigma = noise / signal.
"""
