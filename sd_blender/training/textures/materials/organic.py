# SPDX-License-Identifier: GPL-3.0-or-later
"""Skin, hide, hair and scales."""

from __future__ import annotations

import numpy as np

from ..canvas import Canvas, ramp
from ..patterns import scales, voronoi
from ..surface import Material, Surface, palette

STATES = ("wet", "dirty", "dusty", "worn", "dark", "pale")


def leather(c: Canvas) -> Surface:
    n = c.count(15)
    cells = voronoi(c, n, n, 0.95, warp=c.warp(14, 1.2))
    bump = ramp(0.0, 2.6, cells.edge)
    shade = c.fractal(50, 2)
    crease = np.exp(-((c.fractal(40, 2.1) / 0.05) ** 2))
    return Surface(
        1.9 * bump - 0.8 * crease,
        0.5 + 0.25 * shade,
        0.55 * (1 - ramp(0.0, 1.0, cells.edge)) + 0.2 * crease,
        0.05 * shade,
        gloss=0.35,
    )


def reptile(c: Canvas) -> Surface:
    cells = voronoi(c, c.count(9), c.count(12, 2), 0.35, stagger=0.5)
    dome = ramp(0.2, 4.0, cells.edge)
    spots = ramp(0.2, 1.0, c.fractal(30, 2.4))
    return Surface(
        4.0 * dome,
        np.clip(0.25 + 0.5 * spots, 0, 1),
        0.9 * (1 - ramp(0.3, 1.4, cells.edge)),
        0.16 * (cells.value - 0.5) - 0.14 * spots,
        gloss=0.4,
    )


def fish_scales(c: Canvas) -> Surface:
    cells = scales(c, c.count(8), c.count(10, 2), roundness=1.5)
    rim = ramp(0.2, 2.4, cells.edge)
    fan = np.cos(2 * np.pi * 3 * cells.u)
    return Surface(
        3.0 * cells.v * rim + 0.2 * fan,
        np.clip(cells.v * 0.8, 0, 1),
        0.8 * (1 - rim),
        0.22 * (cells.v - 0.7) + 0.1 * (cells.value - 0.5),
        gloss=0.6,
    )


def fur(c: Canvas) -> Surface:
    sway = c.pick(0.9, 2.2)
    hair = (
        0.7 * c.streaks(sway, 30, 2.6)
        + 0.6 * c.streaks(sway + 0.35, 24, 2.6)
        + 0.6 * c.streaks(sway - 0.35, 24, 2.6)
    )
    lock = c.streaks(sway, 34, 11)
    return Surface(
        1.2 * hair + 2.2 * lock,
        np.clip(0.5 + 0.2 * hair, 0, 1),
        0.4 * ramp(0.6, 1.8, -lock),
        0.07 * hair + 0.07 * lock,
        gloss=0.05,
    )


def feathers(c: Canvas) -> Surface:
    cells = scales(c, c.count(4), c.count(5, 2), roundness=1.6)
    quill = np.exp(-((cells.u / 0.035) ** 2))
    barbs = np.sin(2 * np.pi * 7 * (cells.v + 1.3 * np.abs(cells.u)))
    rim = ramp(0.2, 3.0, cells.edge)
    return Surface(
        2.6 * cells.v * rim + 0.8 * quill + 0.35 * barbs,
        np.clip(1.4 - cells.v, 0, 1),
        0.75 * (1 - rim),
        0.07 * barbs + 0.18 * quill + 0.14 * (cells.value - 0.5),
    )


def leopard(c: Canvas) -> Surface:
    n = c.count(6)
    cells = voronoi(c, n, n, 0.6, warp=c.warp(16, 1.2))
    radius = np.hypot(cells.u, cells.v)
    ring = ramp(0.20, 0.26, radius) * (1 - ramp(0.36, 0.42, radius)) * ramp(-1.3, -0.8, c.fractal(12, 2.4))
    centre = 1 - ramp(0.18, 0.26, radius)
    hair = c.streaks(1.3, 9, 2)
    return Surface(0.4 * hair, 0.2, 0.92 * ring, 0.03 * hair - 0.14 * centre, gloss=0.0)


def zebra(c: Canvas) -> Surface:
    x, _ = c.grid
    bend = 2.0 * c.fractal(60, 2.8) + 0.5 * c.fractal(20, 2.6)
    wave = np.sin(2 * np.pi * c.count(5) * x + bend)
    hair = c.streaks(1.5, 9, 2)
    return Surface(0.4 * hair, 0.1, 0.95 * ramp(-0.15, 0.15, wave), 0.03 * hair, gloss=0.0)


MATERIALS = (
    Material(
        ("leather", "hide", "leather upholstery"),
        leather,
        (palette("6c3f26", "57301c", "28140b"), palette("7f5a3c", "694a30", "2e1e12")),
        0.4,
        0.3,
        (*STATES, "cracked", "polished", "scratched", "rough", "smooth"),
    ),
    Material(
        ("reptile skin", "snake skin", "lizard skin", "crocodile skin"),
        reptile,
        (palette("6f7a48", "4c5630", "1e2212"), palette("8c7450", "665238", "241c12")),
        0.28,
        0.5,
        STATES,
    ),
    Material(
        ("fish scales", "scales", "dragon scales", "mermaid scales"),
        fish_scales,
        (palette("6f8c98", "9cb4b8", "1f2c34"), palette("4f8c7c", "7cb0a0", "142c28")),
        0.25,
        0.5,
        STATES,
    ),
    Material(
        ("fur", "animal fur", "hair"),
        fur,
        (palette("8c6444", "a88060", "34220f"), palette("6c5848", "88725f", "241a12")),
        0.35,
        0.4,
        (*STATES, "snowy"),
    ),
    Material(
        ("feathers", "plumage"),
        feathers,
        (palette("7c746c", "a8a098", "24201d"), palette("8c6c4c", "b09474", "291c12")),
        0.28,
        0.5,
        STATES,
    ),
    Material(
        ("leopard print", "leopard fur"), leopard, (palette("d09c58", "c08c4c", "2a1a10"),), 0.12, 0.2, STATES
    ),
    Material(
        ("zebra print", "zebra stripes"), zebra, (palette("ece8e0", "e0dcd2", "1c1a19"),), 0.1, 0.1, STATES
    ),
)
