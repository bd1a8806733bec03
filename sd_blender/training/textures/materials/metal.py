# SPDX-License-Identifier: GPL-3.0-or-later
"""Sheets, plates and meshes."""

from __future__ import annotations

import numpy as np

from ..canvas import Canvas, ramp
from ..patterns import bricks, voronoi
from ..surface import Material, Surface, palette

STATES = ("rusty", "wet", "polished", "dirty", "dusty", "worn", "scratched")


def brushed_metal(c: Canvas) -> Surface:
    lines = c.streaks(0.0, 70, 1.6)
    sheen = c.streaks(0.0, 400, 30)
    return Surface(0.12 * lines, 0.5 + 0.2 * sheen, 0.0, 0.075 * lines + 0.13 * sheen, gloss=0.3)


def diamond_plate(c: Canvas) -> Surface:
    n = c.count(8, 2)
    cells = bricks(c, n, n, shift=0.0)
    x, y = c.grid
    turn = np.where((np.floor(x * n) + np.floor(y * n)) % 2 == 0, 1.0, -1.0)
    along, across = (cells.u + turn * cells.v) * 0.7071, (cells.v - turn * cells.u) * 0.7071
    lozenge = 1 - np.hypot(along / 0.46, across / 0.15)
    bump = ramp(0.0, 0.5, lozenge)
    sheen = c.fractal(60, 2.2)
    return Surface(2.6 * bump, 0.5 + 0.2 * sheen, 0.0, 0.10 * bump + 0.04 * sheen - 0.03, gloss=0.55)


def corrugated_metal(c: Canvas) -> Surface:
    x, _ = c.grid
    wave = np.cos(2 * np.pi * c.count(8) * x)
    stain = c.streaks(np.pi / 2, 120, 14)
    return Surface(
        3.6 * wave, 0.5 + 0.25 * stain, 0.25 * ramp(0.4, 1.0, -wave), 0.05 * stain + 0.06 * wave, gloss=0.35
    )


def hammered_metal(c: Canvas) -> Surface:
    n = c.count(8)
    cells = voronoi(c, n, n, 0.9)
    bowl = cells.u**2 + cells.v**2
    return Surface(8.0 * np.minimum(bowl, 0.5), 0.5, 0.0, 0.05 * (cells.value - 0.5), gloss=0.65)


def metal_panels(c: Canvas) -> Surface:
    n = c.count(2)
    cells = bricks(c, n, n, shift=0.0)
    seam = ramp(0.6, 2.0, cells.edge)
    corner = np.hypot(np.abs(cells.u) - 0.39, np.abs(cells.v) - 0.39) * c.size / n
    middle = np.hypot(np.abs(cells.u) - 0.39, cells.v) * c.size / n
    distance = np.minimum(corner, np.minimum(middle, np.hypot(cells.u, np.abs(cells.v) - 0.39) * c.size / n))
    rivet = np.sqrt(np.maximum(1 - (distance / 3.2) ** 2, 0))
    sheen = c.fractal(50, 2)
    return Surface(
        2.0 * seam + 2.6 * rivet,
        0.5 + 0.2 * sheen,
        0.85 * (1 - seam),
        0.05 * sheen + 0.12 * (cells.value - 0.5),
        gloss=0.35,
    )


def perforated_metal(c: Canvas) -> Surface:
    nx, ny = c.count(10), c.count(12, 2)
    cells = voronoi(c, nx, ny, 0.0, stagger=0.5)
    distance = np.hypot(cells.u * c.size / nx, cells.v * c.size / ny) * nx / c.size * 2
    hole = 1 - ramp(0.5, 0.66, distance)
    return Surface(2.4 * (1 - hole), 0.4, 0.97 * hole, 0.03 * c.fractal(40, 2), gloss=0.35)


def chain_mail(c: Canvas) -> Surface:
    nx, ny = c.count(8), c.count(10, 2)
    x, y = c.grid
    height = np.zeros_like(x)
    for row_shift in (0.0, 1.0):
        v = (y * ny + row_shift) / 2 % 1 - 0.5
        u = (x * nx + 0.5 * row_shift) % 1 - 0.5
        ring = 1 - np.abs(np.hypot(u / 0.52, v / 0.56) - 0.82) / 0.26
        height = np.maximum(height, np.sqrt(np.maximum(ring, 0)) * (0.75 + 0.5 * u))
    return Surface(4.0 * height, 0.4, 0.95 * (1 - ramp(0.1, 0.4, height)), 0.1 * (height - 0.5), gloss=0.5)


def wire_mesh(c: Canvas) -> Surface:
    n = c.count(5)
    x, y = c.grid
    a, b = ((x + y) * n) % 1 - 0.5, ((x - y) * n) % 1 - 0.5
    wire_a, wire_b = (np.sqrt(np.maximum(1 - (t / 0.12) ** 2, 0)) for t in (a, b))
    height = np.maximum(wire_a, wire_b)
    return Surface(3.0 * height, 0.3, 1 - ramp(0.05, 0.4, height), 0.0, gloss=0.5)


MATERIALS = (
    Material(
        ("brushed metal", "brushed steel", "brushed aluminium"),
        brushed_metal,
        (palette("a8abb0", "969a9f", "5c5e62"), palette("b8a078", "a48c64", "5c4c34")),
        0.5,
        0.25,
        STATES,
    ),
    Material(
        ("diamond plate", "tread plate", "checker plate"),
        diamond_plate,
        (palette("a0a4a8", "8c9094", "4c4e52"), palette("84888c", "74787c", "3c3e42")),
        0.5,
        0.25,
        STATES,
    ),
    Material(
        ("corrugated metal", "corrugated iron", "metal roof"),
        corrugated_metal,
        (palette("9ca3a8", "868d92", "42464a"), palette("8c7c6c", "74665a", "382e26")),
        0.45,
        0.3,
        STATES,
    ),
    Material(
        ("hammered metal", "beaten copper", "dimpled metal"),
        hammered_metal,
        (palette("b87850", "a4683f", "4c2c1a"), palette("a8a8a8", "949494", "484848")),
        0.45,
        0.25,
        STATES,
    ),
    Material(
        ("metal panels", "riveted metal", "steel plates", "spaceship hull"),
        metal_panels,
        (palette("8c9298", "7a8086", "26282c"), palette("6c7278", "5c6268", "1e2024")),
        0.25,
        0.3,
        STATES,
    ),
    Material(
        ("perforated metal", "metal grille", "speaker mesh"),
        perforated_metal,
        (palette("a4a8ac", "94989c", "141416"),),
        (0.05, 0.05, 0.055),
        0.2,
        STATES,
    ),
    Material(
        ("chain mail", "chainmail", "metal rings"),
        chain_mail,
        (palette("a0a4a8", "8c9094", "151517"),),
        (0.06, 0.06, 0.065),
        0.2,
        STATES,
    ),
    Material(
        ("wire mesh", "chain link fence", "metal net"),
        wire_mesh,
        (palette("b0b4b8", "9ca0a4", "1c1e20"),),
        (0.09, 0.09, 0.10),
        0.2,
        STATES,
    ),
)
