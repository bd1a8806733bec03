# SPDX-License-Identifier: GPL-3.0-or-later
"""Models and LoRAs that were distilled to few steps, by the names of their files, and what their authors run them with.

Nothing in the weights says it. Guidance is counted as everywhere here: where the authors write 0 for none, it is 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from .choices import KARRAS
from .request import Sampling
from .sentence import Sentence

GENERIC = re.compile(r"pytorch lora weights|diffusion pytorch model|model|unet|snapshots|[0-9a-f]{40}")
"""What a file or folder is called whatever is in it; its folder may say more."""

STEPS = re.compile(r"(?<!\d)(\d{1,2}) ?steps?\b")


@dataclass(frozen=True)
class FewSteps:
    """One kind. steps, guidance: from, to. scheduler, spacing: "" for any."""

    name: str
    pattern: str
    steps: tuple[int, int]
    scheduler: str
    spacing: str
    guidance: tuple[float, float] = (1.0, 1.0)

    def fits(self, sampling: Sampling) -> bool:
        spacing = "karras" if sampling.scheduler.endswith(KARRAS) else sampling.spacing
        return (
            self.steps[0] <= sampling.steps <= self.steps[1]
            and self.scheduler in ("", sampling.scheduler)
            and self.spacing in ("", spacing)
            and self.guidance[0] <= sampling.guidance_scale <= self.guidance[1]
        )


KINDS = (
    FewSteps("SDXL Lightning", r"lightning", (2, 8), "Euler", "trailing"),
    FewSteps("Hyper-SD", r"hyper.*\b1 ?step", (1, 8), "TCD", "auto"),
    FewSteps("Hyper-SD", r"hyper ?sd.*\bcfg\b", (8, 12), "DDIM", "trailing", (5.0, 8.0)),
    FewSteps("Hyper-SD", r"hyper ?sd", (2, 8), "DDIM", "trailing"),
    FewSteps("DMD2", r"\bdmd2?\b", (4, 4), "LCM", "auto"),
    FewSteps("LCM", r"\blcm", (4, 8), "LCM", "auto", (1.0, 2.0)),
    FewSteps("TCD", r"\btcd\b", (4, 8), "TCD", "auto"),
    FewSteps("SD Turbo", r"\bsd ?(xl ?)?turbo\b", (1, 4), "Euler a", "trailing"),
    FewSteps("Turbo", r"turbo", (1, 8), "", "", (1.0, 2.5)),  # of others, who publish different things
)
"""SDXL-Lightning: Lin et al. 2024 (arXiv:2402.13929). Hyper-SD: Ren et al. 2024 (arXiv:2404.13686). DMD2: Yin et al.
2024 (arXiv:2405.14867). LCM: Luo et al. 2023 (arXiv:2311.05556). TCD: Zheng et al. 2024 (arXiv:2402.19159). Turbo:
Sauer et al. 2023 (arXiv:2311.17042). The first that fits a name counts."""


def kind_of(path: str) -> FewSteps | None:
    """The kind of a model folder, a LoRA file or a name, None for one of the usual many steps.

    Where the name says for how many steps it is, as in ``sdxl_lightning_4step``, it is for these.
    """
    for part in reversed(re.split(r"[/\\]+", path)):
        name = re.sub(r"\.safetensors$", "", part.lower())
        name = " ".join(re.split(r"[\s_.,()\[\]-]+", name)).strip()
        if not name or GENERIC.fullmatch(name):
            continue
        kind = next((kind for kind in KINDS if re.search(kind.pattern, name)), None)
        told = STEPS.search(name)
        if kind is None or told is None or kind.scheduler in ("TCD", "LCM"):  # which take more as well
            return kind
        return replace(kind, steps=(int(told[1]), int(told[1])))
    return None


def advice(paths: Iterable[str], sampling: Sampling) -> str | None:
    """What the first of ``paths`` that is of few steps is run with, "" where it is set, None where there is none."""
    kind = next(filter(None, map(kind_of, paths)), None)
    if kind is None:
        return None
    if kind.fits(sampling):
        return ""
    wants = [Sentence("Steps {number}", number=_range(*kind.steps))]
    wants += [Sentence("Scheduler {name}", name=kind.scheduler)] if kind.scheduler else []
    wants += [LABELS[kind.spacing]] if kind.spacing else []
    wants.append(Sentence("Guidance {number}", number=_range(*kind.guidance)))
    return Sentence(
        "{name} is made for {settings}; set them under Sampling",
        name=kind.name,
        settings=Sentence.joined(", ", wants),
    )


LABELS = {"auto": Sentence("Spacing Model's Own"), "trailing": Sentence("Spacing Trailing")}


def _range(low: float, high: float) -> str:
    if low == high:
        return f"{low:g}"
    return Sentence("{low} to {high}", low=f"{low:g}", high=f"{high:g}")
