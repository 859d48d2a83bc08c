"""Addresses handed out: which peer may hand out which, and to whom on this host it gave them.

Pure, sans-I/O: `spans` (sets of addresses), `charter` (who may hand out what), `agreement` (how a charter is agreed
on), `holdings` (who has which address here), `allocator` (these together). The rest: `gossip` and `packing` (the
topic), `service` (waiting, and the disk), `options`. docs/addresses.md explains it to users.
"""
