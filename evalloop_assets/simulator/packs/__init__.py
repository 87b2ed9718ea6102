"""The words of the simulated products: two lexicons of one English and one Chinese pack each."""

from __future__ import annotations

from evalloop_assets.simulator.lexicon import Lexicon
from evalloop_assets.simulator.packs import harbour_en, harbour_zh, orbit_en, teahouse_zh

EN, ZH = 0, 1
"""Numbers of the packs in each lexicon: English first, Chinese second."""
LEXICON = Lexicon((harbour_en.PACK, harbour_zh.PACK))
"""What the demo's product and the tests speak."""
HELD_OUT = Lexicon((orbit_en.PACK, teahouse_zh.PACK))
"""What the scoreboard's products speak. No test of a stage loads it, so that no detector is scored on words that its
tests know."""
