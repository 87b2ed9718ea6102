"""The lexicon that the demo's product speaks."""

from __future__ import annotations

from evalloop_assets.simulator import lexicon_en, lexicon_zh
from evalloop_assets.simulator.lexicon import Lexicon

EN, ZH = 0, 1
"""Numbers of the packs in LEXICON."""
LEXICON = Lexicon((lexicon_en.PACK, lexicon_zh.PACK))
