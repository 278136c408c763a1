"""What several tests share: circuits, networks, oracles, files."""
