"""Assets, pairs and the default world, from recorded data."""

from mockkraken.catalog.assets import Asset
from mockkraken.catalog.catalog import Catalog
from mockkraken.catalog.pairs import Pair

__all__ = ["Asset", "Catalog", "Pair"]
