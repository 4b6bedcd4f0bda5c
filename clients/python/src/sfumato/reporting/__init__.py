"""Offline reports of what scopes have spent, by tighter accountants than the one that admits.

The only room that uses `dp-accounting` (extra `report`). Nothing here decides about a charge.
"""
