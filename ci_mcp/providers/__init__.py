"""One module or package for each CI, found by its presence."""
