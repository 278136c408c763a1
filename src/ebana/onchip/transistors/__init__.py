"""MOS transistors of circuits that train themselves: cards, tables made from cards, and a compact law."""
