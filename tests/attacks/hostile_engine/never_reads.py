"""A library's process that takes no rows: started in place of the entry."""

import time

time.sleep(600)
