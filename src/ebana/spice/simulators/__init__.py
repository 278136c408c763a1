"""Programs that run decks: sessions, worker processes, raw files."""
