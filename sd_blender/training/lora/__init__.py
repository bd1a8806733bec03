# SPDX-License-Identifier: GPL-3.0-or-later
"""Teaching a model something new from a few images, without touching its weights.

A LoRA (Hu et al. 2021, arXiv:2106.09685) leaves a layer's weights W (m x n) and learns a change of low rank r,

    y = W x + (alpha / r) B A x,        A: r x n from a normal distribution,  B: m x r from zeros,

so that it begins as the model itself. A textual inversion (Gal et al. 2022, arXiv:2208.01618) learns the vectors of one
word instead. What both minimise is the simple loss of Ho et al. 2020 over the images x_0, their captions c, the steps t
and the noise eps, in the latents of the autoencoder (Rombach et al. 2022):

    || target(x_0, t, eps) - model(sqrt(abar_t) x_0 + sqrt(1 - abar_t) eps, t, c) ||^2,

with the target, noise or velocity, that the model was trained on. ``run`` puts the parts together.
"""
