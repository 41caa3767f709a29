"""Questions put to models, and to models beside data: how far do they remember, how strongly, by which modes.

Needs torch, which the extra ``models`` brings: ``pip install "miscope[models]"``.
"""

from miscope.errors import require

require("torch", "models", "miscope.probing")  # first, so that its error is the one that is seen

from miscope.probing.conditional import probe, symbols_needed  # noqa: E402
from miscope.probing.couplings import Couplings, couplings  # noqa: E402
from miscope.probing.reach import Reach, reach  # noqa: E402
from miscope.probing.spectrum import Spectrum, spectrum  # noqa: E402

__all__ = ["Couplings", "Reach", "Spectrum", "couplings", "probe", "reach", "spectrum", "symbols_needed"]
