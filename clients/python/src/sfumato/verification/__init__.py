"""Offline verification of a ledger's export: hashes, order, signatures, and every admission decided again.

An implementation of its own, from the text of the contract: it shares no code with the accountant. It needs the extra
`verify` (Ed25519), and `pyarrow` for Arrow exports.
"""
